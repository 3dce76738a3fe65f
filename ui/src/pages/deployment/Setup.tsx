import type { ReactNode } from "react";
import type { DeploymentSpec } from "@/api/types";
import { Card } from "@/design/Card";
import { Copy } from "@/design/Copy";
import { Pair, Pairs, Tag } from "@/design/Facts";
import { propertiesOf, requiredOf, shapeOf } from "@/forms/shape";
import { textOf } from "@/pages/run/parameters";
import { duration, plural, SECOND } from "@/time/format";

const CRASHES: Readonly<Record<string, string>> = { resume: "go on where it stopped", retry: "run it all anew" };

/** What a deployment runs, with what, where its code lies, and which rules hold. */
export function Setup({ spec }: { spec: DeploymentSpec }) {
  const steps = spec.pull_steps.flatMap((step) => Object.entries(step));
  const variables = Object.entries(spec.job_variables);
  return (
    <>
      <Card title="Parameters"><Parameters spec={spec} /></Card>
      <Card title="Code">
        <Pairs>
          <Pair name="Entrypoint">{spec.entrypoint ? <Copy text={spec.entrypoint} className="text-ink" /> : <span className="text-muted">in the process that serves it</span>}</Pair>
          {spec.path && <Pair name="Folder"><Copy text={spec.path} /></Pair>}
          {spec.code_version && <Pair name="Version"><Copy text={spec.code_version} what="code version">{spec.code_version.slice(0, 16)}</Copy></Pair>}
          {steps.map(([step, options]) => <Pair key={step} name="Fetched by"><span className="font-mono text-xs">{step.split(".").at(-1)}</span> <Options options={options} /></Pair>)}
          {variables.map(([name, value]) => <Pair key={name} name={name}><code className="font-mono text-xs">{textOf(value)}</code></Pair>)}
        </Pairs>
      </Card>
      <Card title="Rules">
        <Pairs>
          <Pair name="At once">{spec.concurrency_limit == null ? <span className="text-muted">as many as there is room for</span> : `${plural(spec.concurrency_limit, "run")}; one too many ${spec.collision === "cancel_new" ? "is cancelled" : "waits"}`}</Pair>
          <Pair name="After a crash">{CRASHES[spec.on_crash] ? `${CRASHES[spec.on_crash] ?? ""}, ${plural(spec.on_crash_limit, "time")} at most` : <span className="text-muted">leave it as it is</span>}</Pair>
          {spec.deadline_seconds != null && <Pair name="Deadline">{duration(spec.deadline_seconds * SECOND)} after its time</Pair>}
          {spec.tags.length > 0 && <Pair name="Tags"><span className="flex flex-wrap gap-1">{spec.tags.map((tag) => <Tag key={tag}>{tag}</Tag>)}</span></Pair>}
        </Pairs>
      </Card>
    </>
  );
}

function Parameters({ spec }: { spec: DeploymentSpec }) {
  const schema = spec.parameter_schema ?? {};
  const known = propertiesOf(schema);
  const names = [...new Set([...known.map(([name]) => name), ...Object.keys(spec.parameters)])];
  if (names.length === 0) return <p className="text-muted">The flow takes none.</p>;
  const defaults = new Map(known);
  const shown = (name: string): ReactNode => {
    if (name in spec.parameters) return <code className="font-mono text-xs">{textOf(spec.parameters[name])}</code>;
    const property = defaults.get(name) ?? {};
    if ("default" in property) return <code className="font-mono text-xs text-muted" title="The function's default">{textOf(property["default"])}</code>;
    return requiredOf(schema).includes(name) ? <span className="text-warn">to be given for each run</span> : <span className="text-faint">{shapeOf(property, schema).hint}</span>;
  };
  return <Pairs>{names.map((name) => <Pair key={name} name={name}>{shown(name)}</Pair>)}</Pairs>;
}

const Options = ({ options }: { options: unknown }) => <code className="font-mono text-xs break-all text-muted">{options == null ? "" : JSON.stringify(options)}</code>;
