// Addresses hold plain text: ?state=FAILED,CRASHED and not JSON.

export const textOf = (search: string): Record<string, string> => Object.fromEntries(new URLSearchParams(search));

export function writeText(search: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(search)) if (typeof value === "string" && value !== "") params.set(name, value);
  const text = params.toString().replaceAll("%2C", ",");
  return text ? `?${text}` : "";
}

/** The parts of a comma-separated value. */
export const listOf = (text: string | undefined): string[] => (text ?? "").split(",").filter((part) => part !== "");
