// Parameters as people read them. A parameter that is not JSON is recorded as its type and size.

interface Opaque {
  $penstock: { type?: string; size?: number; ref?: string };
}

const isOpaque = (value: unknown): value is Opaque =>
  typeof value === "object" && value !== null && "$penstock" in value && typeof (value as Opaque).$penstock === "object";

/** One line: `year=2020 months=[4, 5]`. */
export function summaryOf(parameters: unknown): string {
  return pairsOf(parameters).map(([name, value]) => `${name}=${textOf(value)}`).join("  ");
}

/** Names and values, where the parameters are an object. */
export function pairsOf(parameters: unknown): (readonly [string, unknown])[] {
  return typeof parameters === "object" && parameters !== null && !Array.isArray(parameters) ? Object.entries(parameters) : [];
}

/** A value as text. */
export function textOf(value: unknown): string {
  if (isOpaque(value)) return `<${value.$penstock.type ?? "object"}>`;
  return typeof value === "string" ? value : JSON.stringify(value).replaceAll(",", ", ").replaceAll(":", ": ");
}
