import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { keyOf, useVersion, versionsQuery } from "@/api/queries/deployments";
import type { Deployment, DeploymentVersion } from "@/api/types";
import { Button } from "@/design/Button";
import { Card } from "@/design/Card";
import { Confirm } from "@/design/Confirm";
import { Tag } from "@/design/Facts";
import { Fault, SkeletonRows } from "@/design/Placeholder";
import { toast } from "@/design/toast";
import { Time } from "@/time/Time";

const SHOWN = 8;

/** Every deploy made one; runs asked for from now on use the current one. */
export function Versions({ deployment }: { deployment: Deployment }) {
  const key = keyOf(deployment);
  const versions = useQuery(versionsQuery(key));
  const use = useVersion();
  const [asked, setAsked] = useState<DeploymentVersion | null>(null);
  const [all, setAll] = useState(false);
  const items = versions.data ?? [];
  const perform = () => asked && use.mutate({ key, number: asked.number }, {
    onSuccess: () => toast(`${key} uses version ${asked.number}.`),
    onError: (error) => toast(error.message, true),
    onSettled: () => setAsked(null),
  });
  return (
    <Card title="Versions" flush>
      {versions.isError ? <Fault error={versions.error} /> : versions.isPending ? <SkeletonRows rows={3} /> : (
        <ol aria-label="Versions">
          {(all ? items : items.slice(0, SHOWN)).map((version) => (
            <li key={version.number} className="flex min-h-9 items-center gap-2.5 border-t border-line px-3.5 py-1">
              <span className="w-6 font-medium">{version.number}</span>
              <span className="min-w-0 flex-1 truncate text-muted" title={version.spec.code_version ?? ""}>
                <Time at={version.created_at} /> by {version.actor}{version.spec.version_name && `, ${version.spec.version_name}`}{version.spec.code_version && <code className="ml-1.5 font-mono text-xs">{version.spec.code_version.slice(0, 8)}</code>}
              </span>
              {version.current ? <Tag>current</Tag> : <Button className="h-6.5!" onClick={() => setAsked(version)}>{version.number < deployment.version ? "Roll back" : "Go forward"}<span className="sr-only"> to version {version.number}</span></Button>}
            </li>
          ))}
          {items.length > SHOWN && !all && <li className="border-t border-line px-1.5 py-1"><Button kind="quiet" onClick={() => setAll(true)}>Show all {items.length}</Button></li>}
        </ol>
      )}
      <Confirm open={asked !== null} onClose={() => setAsked(null)} onConfirm={perform} busy={use.isPending} title={`Use version ${asked?.number ?? ""} of ${key}?`} verb={`Use version ${asked?.number ?? ""}`}>
        Runs asked for from now on use its code, parameters and pool. Runs that are under way, or wait already, keep the version they were asked with. Schedules stay as they are.
      </Confirm>
    </Card>
  );
}
