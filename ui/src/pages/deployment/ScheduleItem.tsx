import { useQuery } from "@tanstack/react-query";
import { ChevronRight, Pencil, Trash2 } from "lucide-react";
import { useState } from "react";
import { keyOf } from "@/api/queries/deployments";
import { ticksQuery, useRemoveSchedule, useSetActive } from "@/api/queries/schedules";
import type { Deployment, ScheduleRow, UpcomingTick } from "@/api/types";
import { Button, IconButton } from "@/design/Button";
import { Confirm } from "@/design/Confirm";
import { Tag } from "@/design/Facts";
import { Skeleton } from "@/design/Placeholder";
import { Switch } from "@/design/Switch";
import { toast } from "@/design/toast";
import { summaryOf } from "@/pages/run/parameters";
import { TickDialog } from "@/schedules/TickDialog";
import { ruleOf, wordsOf } from "@/schedules/words";
import { DAY, nowMicros } from "@/time/format";
import { zoneTime } from "@/time/local";
import { Time } from "@/time/Time";

const zoneOf = ({ definition }: ScheduleRow): string => (typeof definition["timezone"] === "string" ? definition["timezone"] : "UTC");

/** One schedule: on or off, its rule, when it fires next. */
export function ScheduleItem({ deployment, schedule, onEdit }: { deployment: Deployment; schedule: ScheduleRow; onEdit: () => void }) {
  const [open, setOpen] = useState(false);
  const [asked, setAsked] = useState(false);
  const key = keyOf(deployment);
  const { slug, definition, active } = schedule;
  const set = useSetActive();
  const remove = useRemoveSchedule();
  const rule = ruleOf(definition);
  const words = wordsOf(definition);
  const own = summaryOf(definition["parameters"]);
  const flip = (on: boolean) => set.mutate({ key, slug, active: on }, {
    onSuccess: () => toast(on ? `${slug} fires again from now on.` : `${slug} does not fire any more.`), onError: (error) => toast(error.message, true),
  });
  const perform = () => remove.mutate({ key, slug }, { onSuccess: () => toast(`${slug} is removed.`), onError: (error) => toast(error.message, true), onSettled: () => setAsked(false) });
  const extra = [["overlap", "allow"], ["catchup", "latest"]].filter(([name = "", usual]) => definition[name] !== undefined && definition[name] !== usual);
  return (
    <li className="border-t border-line">
      <div className="flex items-center gap-3 px-3.5 py-2">
        <Switch label={`${slug} is ${active ? "on" : "off"}`} on={active} disabled={set.isPending} onChange={flip} />
        <button type="button" aria-expanded={open} onClick={() => setOpen(!open)} className="flex min-w-0 flex-1 items-center gap-2 rounded text-left">
          <ChevronRight size={14} aria-hidden className={`shrink-0 text-faint transition-transform ${open ? "rotate-90" : ""}`} />
          <span className={`min-w-0 leading-tight ${active ? "" : "text-muted"}`}>
            <span className="block truncate font-medium">{words}</span>
            <span className="block truncate text-xs text-muted">{slug} · {words === rule ? "" : <><code className="font-mono">{rule}</code> · </>}{zoneOf(schedule)}{own && <> · <code className="font-mono">{own}</code></>}</span>
          </span>
        </button>
        {extra.map(([name = ""]) => <Tag key={name}>{name} {String(definition[name]).replace("_", " ")}</Tag>)}
        <span className="w-28 text-right leading-tight max-sm:hidden">{!active ? <span className="text-faint">off</span> : deployment.paused ? <span className="text-faint">paused</span> : <Time at={schedule.next_at} />}</span>
        <span className="flex"><IconButton label={`Change ${slug}`} onClick={onEdit}><Pencil size={14} /></IconButton><IconButton label={`Remove ${slug}`} onClick={() => setAsked(true)}><Trash2 size={14} /></IconButton></span>
      </div>
      {open && <NextTicks deployment={deployment} schedule={schedule} />}
      <Confirm open={asked} onClose={() => setAsked(false)} onConfirm={perform} busy={remove.isPending} title={`Remove the schedule ${slug}?`} verb="Remove this schedule">
        It fires no more. Runs that it has asked for stay. To have it rest, switch it off instead.
      </Confirm>
    </li>
  );
}

const AHEAD = 400 * DAY;
const READ_MAX = 200;
const SHOWN = 10;

/** The next ten times, each of which can be skipped or moved. */
function NextTicks({ deployment, schedule }: { deployment: Deployment; schedule: ScheduleRow }) {
  const [since] = useState(nowMicros);
  const [asked, setAsked] = useState<UpcomingTick | null>(null);
  const found = useQuery(ticksQuery(since, since + AHEAD, keyOf(deployment), READ_MAX));
  if (!found.data) return <div className="px-3.5 pb-3"><Skeleton className="h-24" /></div>;
  const ticks = found.data.filter(({ slug }) => slug === schedule.slug).slice(0, SHOWN);
  return (
    <div className="border-t border-line bg-sunken px-3.5 py-2 pl-16">
      {ticks.length === 0 && <p className="text-muted">{deployment.paused ? "The deployment is paused: nothing fires." : !schedule.active ? "It is switched off." : "It does not fire within a year."}</p>}
      <ol aria-label={`Next times of ${schedule.slug}`}>
        {ticks.map((tick) => (
          <li key={tick.fire_at} className="flex h-7 items-center gap-3">
            <span className={`w-48 ${tick.skipped ? "text-faint line-through" : ""}`}>{zoneTime(tick.at, zoneOf(schedule))}</span>
            <Time at={tick.at} className="w-16 text-muted" />
            {tick.skipped && <Tag>skipped</Tag>}{!tick.skipped && tick.at !== tick.fire_at && <Tag>from {zoneTime(tick.fire_at, zoneOf(schedule))}</Tag>}
            <Button kind="quiet" className="ml-auto h-6!" onClick={() => setAsked(tick)}>{tick.skipped ? "Restore …" : "Skip or move …"}<span className="sr-only"> {zoneTime(tick.at, zoneOf(schedule))}</span></Button>
          </li>
        ))}
      </ol>
      {asked && <TickDialog tick={asked} onClose={() => setAsked(null)} />}
    </div>
  );
}
