/** Exact-match evaluation: questions to a target, answers to predictions, predictions to results. */
export * from "./chance.ts";
export * from "./compare.ts";
export * from "./extract.ts";
export * from "./held_out_evaluator.ts";
export {
  firstOfEachTask,
  LM_EVAL_MAX_TOKENS,
  LM_EVAL_SHOTS,
  lmEvalQuestions,
  type Shots,
} from "./lm_eval.ts";
export * from "./metrics.ts";
export { type MmluMethod, type Prediction, readPredictions } from "./predictions.ts";
export { type FewShot } from "./questions.ts";
export * from "./report_text.ts";
export * from "./results.ts";
