// Log levels as Python numbers them.

export interface Level {
  min: number;
  word: string;
  className: string;
}

export const LEVELS: readonly Level[] = [
  { min: 50, word: "CRITICAL", className: "text-danger font-semibold" },
  { min: 40, word: "ERROR", className: "text-danger" },
  { min: 30, word: "WARNING", className: "text-warn" },
  { min: 20, word: "INFO", className: "text-muted" },
  { min: 0, word: "DEBUG", className: "text-faint" },
];

const LOWEST: Level = { min: 0, word: "DEBUG", className: "text-faint" };

export const levelOf = (level: number): Level => LEVELS.find(({ min }) => level >= min) ?? LOWEST;
export const ERROR_LEVEL = 40;
