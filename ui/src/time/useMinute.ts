import { MINUTE, type Micros } from "@/time/format";
import { useNow } from "@/time/useNow";

/** The end of the current minute: what charts of "until now" ask for, so that they ask once a minute. */
export function useMinute(): Micros {
  return Math.ceil(useNow() / MINUTE) * MINUTE;
}
