import { Copy } from "@/design/Copy";

/** A sentence whose commands, between backquotes, are copied at a click. */
export function Said({ text }: { text: string }) {
  return text.split("`").map((part, place) => (
    place % 2 === 0 ? part : part.startsWith("penstock ") ? <Copy key={place} text={part} className="align-baseline text-ink!" /> : <strong key={place} className="font-medium">{part}</strong>
  ));
}
