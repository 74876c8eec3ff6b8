/** The letters of the four choices. */
export const LETTERS = ["A", "B", "C", "D"] as const;
