/** What all notebooks end and begin with. */
import { flatten } from "../report/flatten.ts";
import type { Row } from "../report/show.ts";
import type { LabSettings } from "./settings.ts";

export const SETTING_HEAD = ["setting", "value"];

/** Settings, or any document, as a row for each leaf. */
export function settingRows(document: object): Row[] {
  return flatten(document).filter(([key]) => key !== "startedAt");
}

/** Says what the notebook took, since its settings were asked for. */
export function took({ startedAt, quick }: Pick<LabSettings, "startedAt" | "quick">): string {
  const seconds = (performance.now() - startedAt) / 1000;
  return `This notebook took ${seconds.toFixed(1)} s${quick ? " in quick mode" : ""}.`;
}
