import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ticksQuery } from "@/api/queries/schedules";
import { Card } from "@/design/Card";
import { clockTime, DAY, plural } from "@/time/format";
import { Time } from "@/time/Time";
import { useMinute } from "@/time/useMinute";

const READ = 1_000;
const SHOWN = 6;

/** What the schedules ask for in the next day, the first of each deployment; nothing where nothing is scheduled. */
export function Upcoming() {
  const minute = useMinute();
  const ticks = useQuery(ticksQuery(minute, minute + DAY, undefined, READ));
  const coming = (ticks.data ?? []).filter(({ skipped }) => !skipped);
  if (coming.length === 0) return null;
  const firsts = [...Map.groupBy(coming, ({ deployment_id }) => deployment_id).values()].flatMap((group) => (group[0] ? [{ tick: group[0], times: group.length }] : []));
  return (
    <Card title="Next 24 hours" flush aside={<Link to="/calendar" className="text-accent-strong hover:underline">Calendar</Link>}>
      <ul>
        {firsts.slice(0, SHOWN).map(({ tick, times }) => (
          <li key={tick.deployment_id} className="border-t border-line">
            <Link to="/deployments/$flow/$name" params={{ flow: tick.flow_name, name: tick.deployment_name }} className="flex items-baseline gap-3 px-3.5 py-1.5 hover:bg-hover focus-visible:outline-offset-[-3px]">
              <span className="w-10 text-muted">{clockTime(tick.at).slice(0, 5)}</span>
              <span className="min-w-0 truncate font-medium">{tick.deployment_name}</span><span className="truncate text-xs text-muted">{tick.flow_name}{times > 1 && `, ${plural(times, "time")}${coming.length === READ ? " or more" : ""}`}</span>
              <Time at={tick.at} className="ml-auto text-xs text-muted" />
            </Link>
          </li>
        ))}
      </ul>
      {firsts.length > SHOWN && <p className="border-t border-line px-3.5 py-1.5 text-muted">and {plural(firsts.length - SHOWN, "deployment")} more</p>}
    </Card>
  );
}
