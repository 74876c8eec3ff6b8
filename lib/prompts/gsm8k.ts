/**
 * GSM8K, reasoned step by step up to a last line `#### <number>`.
 *
 * ```
 * system: Solve the math word problem step by step. End with a line of the form "#### <number>" ...
 * user:   Ann has 3 bags of 4 apples. How many apples has she?
 * ```
 */
import type { PromptTemplate } from "./template.ts";

/** Takes the `<<3*4=12>>` calculator notes out of a worked solution: models copy them and then miscount. */
export function stripCalculatorNotes(solution: string): string {
  return solution.replaceAll(/<<[^<>]*>>/g, "");
}

export const gsm8kTemplate: PromptTemplate = {
  version: "gsm8k-1",
  instructions:
    'Solve the math word problem step by step. End with a line of the form "#### <number>" that holds only the final answer, without units.',
  expectedFormat: "Steps of reasoning, then a last line `#### <number>`.",
  user: ({ prompt }) => prompt,
  solved: ({ solution, answer }) => stripCalculatorNotes(solution ?? `#### ${answer}`),
};
