import type { Event } from "@/api/types";
import { STATE_NAMES, type StateName } from "@/generated/states";

export interface EventWords {
  /** The last part of its kind, such as a state's name. */
  word: string;
  state: StateName | undefined;
  name: string | undefined;
  flow: string | undefined;
  /** `flow/name`. */
  deployment: string | undefined;
}

/** What an event says, in the words of people. */
export function wordsOf({ kind, payload }: Event): EventWords {
  const word = kind.split(".").at(-1) ?? kind;
  const said = typeof payload === "object" && payload !== null ? (payload as Record<string, unknown>) : {};
  const text = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
  return { word: STATE_NAMES[word] ? word : kind.replace(/^penstock\./, ""), state: STATE_NAMES[word], name: text(said["name"]), flow: text(said["flow"]), deployment: text(said["deployment"]) };
}
