import { useSavePool } from "@/api/queries/work";
import type { WorkPool } from "@/api/types";
import { Switch } from "@/design/Switch";
import { toast } from "@/design/toast";

/** A pool on or off: no run of a paused one begins. */
export function PoolPause({ pool: { name, paused } }: { pool: WorkPool }) {
  const save = useSavePool();
  const flip = (on: boolean) => save.mutate({ name, paused: !on, overwrite: true }, {
    onSuccess: () => toast(on ? `${name} goes on.` : `${name} rests: what runs goes on, nothing new begins.`),
    onError: (error) => toast(error.message, true),
  });
  return <Switch label={`${name} is ${paused ? "paused" : "on"}`} on={!paused} disabled={save.isPending} onChange={flip} />;
}
