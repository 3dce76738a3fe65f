import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { keyOf } from "@/api/queries/deployments";
import { useExceptTick } from "@/api/queries/schedules";
import type { UpcomingTick } from "@/api/types";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { Pair, Pairs } from "@/design/Facts";
import { FormField } from "@/design/FormField";
import { toast } from "@/design/toast";
import { hereZone, instantOf, localText } from "@/time/local";
import { Time } from "@/time/Time";

/** A run that is to come: what for, and that it can be skipped or moved. */
export function TickDialog({ tick, onClose }: { tick: UpcomingTick; onClose: () => void }) {
  const key = keyOf({ flow_name: tick.flow_name, name: tick.deployment_name });
  const [to, setTo] = useState(() => localText(tick.at));
  const except = useExceptTick();
  const excepted = tick.skipped || tick.at !== tick.fire_at;
  const perform = (change: { to?: number; restore?: boolean }, said: string) =>
    except.mutate({ key, slug: tick.slug, at: tick.fire_at, ...change }, { onSuccess: () => { toast(said); onClose(); } });
  const target = instantOf(to);
  return (
    <Dialog open onClose={onClose} title={`${tick.deployment_name}, to come`}>
      <Pairs>
        <Pair name="Deployment"><Link to="/deployments/$flow/$name" params={{ flow: tick.flow_name, name: tick.deployment_name }} className="font-medium text-accent-strong hover:underline">{key}</Link></Pair>
        <Pair name="Schedule">{tick.slug}</Pair>
        <Pair name="Runs"><Time at={tick.at} as="day" /> <Time at={tick.at} className="text-muted" />{tick.skipped && <span className="ml-2 text-warn">skipped</span>}</Pair>
        {tick.at !== tick.fire_at && <Pair name="Its own time"><Time at={tick.fire_at} as="day" /></Pair>}
        <Pair name="Stands for"><Time at={tick.period_start} as="day" /> to <Time at={tick.period_end} as="day" /></Pair>
      </Pairs>
      <div className="mt-4 flex items-end gap-2">
        <FormField name="Move it to" hint={hereZone()} className="flex-1" input={(field) => <input {...field} type="datetime-local" value={to} onChange={(event) => setTo(event.target.value)} />} />
        <Button className="mb-5.5" disabled={target === null || target === tick.at || except.isPending} onClick={() => target !== null && perform({ to: target }, "It is moved.")}>Move</Button>
      </div>
      <p role="alert" className="mt-2 break-words text-danger empty:hidden">{except.error?.message}</p>
      <div className="mt-4 flex justify-end gap-2">
        <Button onClick={onClose}>Leave it as it is</Button>
        {excepted && <Button disabled={except.isPending} onClick={() => perform({ restore: true }, "It runs at its own time.")}>Restore</Button>}
        {!tick.skipped && <Button kind="danger" disabled={except.isPending} onClick={() => perform({}, "It is skipped: this once it does not run.")}>Skip it</Button>}
      </div>
    </Dialog>
  );
}
