import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { overviewQuery } from "@/api/queries/charts";
import { Card } from "@/design/Card";
import { StateMark } from "@/design/StateMark";

const WINDOW_SECONDS = 86_400;
const SHOWN = 8;

/** Runs that should have started or ended by now, and why; nothing where all is in time. */
export function Stuck() {
  const overview = useQuery(overviewQuery(WINDOW_SECONDS));
  const stuck = overview.data?.stuck ?? [];
  if (stuck.length === 0) return null;
  return (
    <Card title="Late and stuck" flush>
      <ul>
        {stuck.slice(0, SHOWN).map(({ run, reason }) => (
          <li key={run.id} className="border-t border-line">
            <Link to="/runs/$id" params={{ id: run.id }} className="block px-3.5 py-2 hover:bg-hover focus-visible:outline-offset-[-3px]">
              <span className="flex items-center gap-2"><StateMark type={run.state.type} name={run.state.name} titled /><span className="truncate font-medium">{run.name}</span><span className="truncate text-xs text-muted">{run.flow_name}</span></span>
              <span className="block pl-5.5 text-warn">{reason}</span>
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}
