import type { ReactNode } from "react";
import type { StateShape, StateType } from "@/generated/states";
import { colourOf, lookOf, wordOf } from "@/design/state";

const line = { fill: "none", stroke: "currentColor", strokeWidth: 1.8, strokeLinecap: "round", strokeLinejoin: "round" } as const;
const onDisc = { ...line, stroke: "var(--surface)" } as const;
const disc = <circle cx="8" cy="8" r="7" fill="currentColor" />;
const circle = <circle cx="8" cy="8" r="6.1" {...line} />;

// Each shape stands alone: told apart without its colour, at 12 pixels.
const SHAPES: Record<StateShape, ReactNode> = {
  check: <>{disc}<path d="M5 8.3l2.1 2.1L11.2 6" {...onDisc} /></>,
  cross: <><path d="M8 .8l7.2 7.2L8 15.2.8 8z" fill="currentColor" /><path d="M5.9 5.9l4.2 4.2M10.1 5.9l-4.2 4.2" {...onDisc} /></>,
  bolt: <><path d="M4.9 1h6.2L15 4.9v6.2L11.1 15H4.9L1 11.1V4.9z" fill="currentColor" /><path d="M9 3.8L6 8.6h4L7 12.4" {...onDisc} /></>,
  ring: <><circle cx="8" cy="8" r="6.1" {...line} opacity=".28" /><path className="turning" d="M8 1.9A6.1 6.1 0 0 1 14.1 8" {...line} strokeWidth={2.4} /><circle cx="8" cy="8" r="2.2" fill="currentColor" /></>,
  dots: <>{circle}<circle cx="5.3" cy="8" r="1" fill="currentColor" /><circle cx="8" cy="8" r="1" fill="currentColor" /><circle cx="10.7" cy="8" r="1" fill="currentColor" /></>,
  clock: <>{circle}<path d="M8 4.6V8l2.3 1.5" {...line} /></>,
  pause: <>{disc}<path d="M6.2 5.4v5.2M9.8 5.4v5.2" {...onDisc} /></>,
  stop: <>{circle}<rect x="5.6" y="5.6" width="4.8" height="4.8" rx=".8" fill="currentColor" /></>,
  slash: <>{circle}<path d="M4.2 11.8l7.6-7.6" {...line} /></>,
  retry: <><path d="M13.6 6.4A6 6 0 1 0 14 9.2" {...line} /><path d="M14 2.6v3.9h-3.9" {...line} /></>,
  cached: <>{circle}<path d="M5.2 8.2l1.9 1.9 3.7-4" {...line} /></>,
  skip: <>{circle}<path d="M5 5.6L7.6 8 5 10.4M8.6 5.6L11.2 8l-2.6 2.4" {...line} strokeWidth={1.5} /></>,
  back: <>{circle}<path d="M9.6 5.2L6.6 8l3 2.8" {...line} /></>,
};

interface StateMarkProps {
  type: StateType;
  name?: string | undefined;
  size?: number;
  /** Says the state to screen readers; leave out beside the word. */
  titled?: boolean;
}

/** A state's shape in its colour. */
export function StateMark({ type, name, size = 14, titled = false }: StateMarkProps) {
  const look = lookOf(type, name);
  const word = name ?? wordOf(type);
  return (
    <svg
      viewBox="0 0 16 16" width={size} height={size} className="shrink-0" style={{ color: colourOf(look) }}
      {...(titled ? { role: "img", "aria-label": word } : { "aria-hidden": true })}
    >
      {titled && <title>{word}</title>}
      {SHAPES[look.shape]}
    </svg>
  );
}

interface StateBadgeProps {
  state: { type: StateType; name: string; message?: string | null };
  plain?: boolean;
}

/** A state as shape and word. */
export function StateBadge({ state, plain = false }: StateBadgeProps) {
  const look = lookOf(state.type, state.name);
  return (
    <span
      className={`inline-flex items-center gap-1.5 font-medium whitespace-nowrap ${plain ? "" : "tint-9 rounded-md py-0.5 pr-2 pl-1.5"}`}
      style={{ color: colourOf(look) }} title={state.message ?? undefined}
    >
      <StateMark type={state.type} name={state.name} />
      {state.name}
    </span>
  );
}
