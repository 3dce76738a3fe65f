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

/** The parameters that were typed over, read as JSON where the text is JSON, or in words what is wrong. */
export function changesOf(parameters: unknown, typed: Readonly<Record<string, string>>): Record<string, unknown> | string {
  const recorded = new Map(pairsOf(parameters));
  const changed: Record<string, unknown> = {};
  for (const [name, text] of Object.entries(typed)) {
    const before = recorded.get(name);
    if (text === textOf(before)) continue;
    if (typeof before !== "string" && text.trim() === "") return `${name} is empty: type a value, or null.`;
    changed[name] = typeof before === "string" ? text : jsonOrText(text);
  }
  return changed;
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
