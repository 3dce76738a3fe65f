import { STATE_NAMES, TYPE_LOOKS, type StateLook, type StateType } from "@/generated/states";

/** How a state looks: by its name if it is one of the table's, else by its type. */
export function lookOf(type: StateType, name?: string): StateLook {
  const row = name === undefined ? undefined : STATE_NAMES[name];
  return row?.type === type ? row : TYPE_LOOKS[type];
}

/** A colour that follows the theme. */
export const colourOf = (look: StateLook): string => `light-dark(${look.light}, ${look.dark})`;

const FINAL = new Set<StateType>(["COMPLETED", "FAILED", "CRASHED", "CANCELLED"]);

export const isFinal = (type: StateType, name?: string): boolean => {
  const row = name === undefined ? undefined : STATE_NAMES[name];
  return row?.type === type ? row.final : FINAL.has(type);
};

/** The word for a type of state. */
export const wordOf = (type: StateType): string => type.charAt(0) + type.slice(1).toLowerCase();

/** The order in which states are stacked and listed: what went well first, what needs a look last. */
export const STACK_ORDER: readonly StateType[] = [
  "COMPLETED", "CANCELLED", "CANCELLING", "SCHEDULED", "PAUSED", "PENDING", "RUNNING", "FAILED", "CRASHED",
];
