/** ShareGPT: a conversation of people with a chat model, continued where its last reply stood. */
import type { PromptTemplate } from "./template.ts";

export const sharegptTemplate: PromptTemplate = {
  version: "sharegpt-1",
  instructions: "You are a helpful assistant.",
  expectedFormat: "Free text.",
  user: ({ prompt }) => prompt,
  solved: ({ answer }) => answer,
};
