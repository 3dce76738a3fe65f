// Made by tools/ui_states.py from src/penstock/core/states.py; change those, then run `make ui-generated`.

export const STATE_TYPES = ["SCHEDULED", "PENDING", "RUNNING", "COMPLETED", "FAILED", "CRASHED", "CANCELLING", "CANCELLED", "PAUSED"] as const;
export type StateType = (typeof STATE_TYPES)[number];

export type StateShape = "back" | "bolt" | "cached" | "check" | "clock" | "cross" | "dots" | "pause" | "retry" | "ring" | "skip" | "slash" | "stop";
export interface StateLook { readonly light: string; readonly dark: string; readonly shape: StateShape }
export interface StateName extends StateLook { readonly type: StateType; readonly final: boolean }

/** How each type of state looks. */
export const TYPE_LOOKS: Readonly<Record<StateType, StateLook>> = {
  "SCHEDULED": {
    "light": "#5b6472",
    "dark": "#9aa6b4",
    "shape": "clock"
  },
  "PENDING": {
    "light": "#0b7285",
    "dark": "#66c7dd",
    "shape": "dots"
  },
  "RUNNING": {
    "light": "#1261b8",
    "dark": "#62aef7",
    "shape": "ring"
  },
  "COMPLETED": {
    "light": "#0a7a5a",
    "dark": "#3cc79a",
    "shape": "check"
  },
  "FAILED": {
    "light": "#c0410a",
    "dark": "#ff8b52",
    "shape": "cross"
  },
  "CRASHED": {
    "light": "#a3246f",
    "dark": "#f08cc0",
    "shape": "bolt"
  },
  "CANCELLING": {
    "light": "#6d5a3f",
    "dark": "#c9b48c",
    "shape": "stop"
  },
  "CANCELLED": {
    "light": "#646a73",
    "dark": "#a2a9b3",
    "shape": "slash"
  },
  "PAUSED": {
    "light": "#855c00",
    "dark": "#e5b93c",
    "shape": "pause"
  }
};

/** The names of states: what type each refines, whether a run rests there, how it looks. */
export const STATE_NAMES: Readonly<Record<string, StateName>> = {
  "Scheduled": {
    "type": "SCHEDULED",
    "final": false,
    "light": "#5b6472",
    "dark": "#9aa6b4",
    "shape": "clock"
  },
  "Late": {
    "type": "SCHEDULED",
    "final": false,
    "light": "#935300",
    "dark": "#f3b14a",
    "shape": "clock"
  },
  "AwaitingRetry": {
    "type": "SCHEDULED",
    "final": false,
    "light": "#935300",
    "dark": "#f3b14a",
    "shape": "retry"
  },
  "AwaitingConcurrencySlot": {
    "type": "SCHEDULED",
    "final": false,
    "light": "#855c00",
    "dark": "#e5b93c",
    "shape": "clock"
  },
  "Resuming": {
    "type": "SCHEDULED",
    "final": false,
    "light": "#5b6472",
    "dark": "#9aa6b4",
    "shape": "clock"
  },
  "Pending": {
    "type": "PENDING",
    "final": false,
    "light": "#0b7285",
    "dark": "#66c7dd",
    "shape": "dots"
  },
  "NotReady": {
    "type": "PENDING",
    "final": true,
    "light": "#646a73",
    "dark": "#a2a9b3",
    "shape": "skip"
  },
  "Running": {
    "type": "RUNNING",
    "final": false,
    "light": "#1261b8",
    "dark": "#62aef7",
    "shape": "ring"
  },
  "Retrying": {
    "type": "RUNNING",
    "final": false,
    "light": "#1261b8",
    "dark": "#62aef7",
    "shape": "retry"
  },
  "Completed": {
    "type": "COMPLETED",
    "final": true,
    "light": "#0a7a5a",
    "dark": "#3cc79a",
    "shape": "check"
  },
  "Cached": {
    "type": "COMPLETED",
    "final": true,
    "light": "#0a7a5a",
    "dark": "#3cc79a",
    "shape": "cached"
  },
  "Skipped": {
    "type": "COMPLETED",
    "final": true,
    "light": "#5b6472",
    "dark": "#9aa6b4",
    "shape": "skip"
  },
  "RolledBack": {
    "type": "COMPLETED",
    "final": true,
    "light": "#646a73",
    "dark": "#a2a9b3",
    "shape": "back"
  },
  "Failed": {
    "type": "FAILED",
    "final": true,
    "light": "#c0410a",
    "dark": "#ff8b52",
    "shape": "cross"
  },
  "TriggerFailed": {
    "type": "FAILED",
    "final": true,
    "light": "#c0410a",
    "dark": "#ff8b52",
    "shape": "cross"
  },
  "TimedOut": {
    "type": "FAILED",
    "final": true,
    "light": "#c0410a",
    "dark": "#ff8b52",
    "shape": "clock"
  },
  "Crashed": {
    "type": "CRASHED",
    "final": true,
    "light": "#a3246f",
    "dark": "#f08cc0",
    "shape": "bolt"
  },
  "Cancelling": {
    "type": "CANCELLING",
    "final": false,
    "light": "#6d5a3f",
    "dark": "#c9b48c",
    "shape": "stop"
  },
  "Cancelled": {
    "type": "CANCELLED",
    "final": true,
    "light": "#646a73",
    "dark": "#a2a9b3",
    "shape": "slash"
  },
  "Paused": {
    "type": "PAUSED",
    "final": false,
    "light": "#855c00",
    "dark": "#e5b93c",
    "shape": "pause"
  },
  "Suspended": {
    "type": "PAUSED",
    "final": false,
    "light": "#855c00",
    "dark": "#e5b93c",
    "shape": "pause"
  }
};
