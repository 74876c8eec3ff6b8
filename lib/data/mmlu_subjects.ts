/**
 * MMLU's 57 subjects, each with its category and its difficulty.
 *
 * Difficulty: elementary is easy, high school medium, college and professional hard. The others by what answers
 * them: easy is what a grown-up picks up without a course (everyday health, people, business, common facts),
 * medium what a school or first-year course teaches and careful reading settles, hard what needs specialist
 * study or formal derivation.
 * @see https://github.com/hendrycks/test/blob/master/categories.py for the categories
 */
import type { Difficulty, MmluCategory } from "../types/mod.ts";

const TABLE: Record<MmluCategory, Record<Difficulty, string>> = {
  "STEM": {
    easy: "elementary_mathematics",
    medium: `astronomy computer_security conceptual_physics high_school_biology high_school_chemistry
      high_school_computer_science high_school_mathematics high_school_physics high_school_statistics`,
    hard: `abstract_algebra college_biology college_chemistry college_computer_science college_mathematics
      college_physics electrical_engineering machine_learning`,
  },
  "humanities": {
    easy: "world_religions",
    medium: `high_school_european_history high_school_us_history high_school_world_history international_law
      jurisprudence logical_fallacies moral_disputes philosophy prehistory`,
    hard: "formal_logic moral_scenarios professional_law",
  },
  "social sciences": {
    easy: "human_sexuality public_relations sociology",
    medium: `high_school_geography high_school_government_and_politics high_school_macroeconomics
      high_school_microeconomics high_school_psychology security_studies us_foreign_policy`,
    hard: "econometrics professional_psychology",
  },
  "other": {
    easy: "global_facts human_aging management marketing miscellaneous nutrition",
    medium: "business_ethics clinical_knowledge",
    hard: `anatomy college_medicine medical_genetics professional_accounting professional_medicine virology`,
  },
};

export interface MmluSubject {
  category: MmluCategory;
  difficulty: Difficulty;
}

/** The table's rows. */
export const MMLU_SUBJECT_ROWS: readonly (readonly [name: string, subject: MmluSubject])[] = Object
  .entries(TABLE).flatMap(([category, levels]) =>
    Object.entries(levels).flatMap(([difficulty, names]) =>
      names.split(/\s+/).map((name) => [name, { category, difficulty } as MmluSubject] as const)
    )
  );

/** All subjects by name. */
export const MMLU_SUBJECTS: ReadonlyMap<string, MmluSubject> = new Map(MMLU_SUBJECT_ROWS);
