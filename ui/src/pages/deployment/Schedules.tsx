import { Plus } from "lucide-react";
import { useState } from "react";
import { keyOf } from "@/api/queries/deployments";
import type { Deployment, ScheduleRow } from "@/api/types";
import { Button } from "@/design/Button";
import { Card } from "@/design/Card";
import { Empty } from "@/design/Placeholder";
import { ScheduleItem } from "@/pages/deployment/ScheduleItem";
import { ScheduleDialog } from "@/schedules/ScheduleDialog";

/** When a deployment runs by itself. */
export function Schedules({ deployment }: { deployment: Deployment }) {
  const [asked, setAsked] = useState<ScheduleRow | "new" | null>(null);
  const key = keyOf(deployment);
  return (
    <Card title="Schedules" flush aside={<Button icon={<Plus size={14} />} onClick={() => setAsked("new")}>Add a schedule</Button>}>
      {deployment.schedules.length === 0
        ? <Empty title="It runs on demand only" className="py-7" code={`penstock deployment schedule add ${key} --cron "0 5 * * *"`}>Add a schedule here, or by command.</Empty>
        : <ul aria-label="Schedules">{deployment.schedules.map((schedule) => <ScheduleItem key={schedule.slug} deployment={deployment} schedule={schedule} onEdit={() => setAsked(schedule)} />)}</ul>}
      {asked !== null && <ScheduleDialog deployment={deployment} known={asked === "new" ? null : asked} taken={deployment.schedules.map(({ slug }) => slug)} onClose={() => setAsked(null)} />}
    </Card>
  );
}
