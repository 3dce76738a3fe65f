import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useMemo, useState, type SubmitEvent } from "react";
import { keyOf, useRequestRun } from "@/api/queries/deployments";
import { poolQuery } from "@/api/queries/work";
import type { Deployment } from "@/api/types";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { FormField } from "@/design/FormField";
import { Segments } from "@/design/Segments";
import { toast } from "@/design/toast";
import { SchemaForm } from "@/forms/SchemaForm";
import type { Schema } from "@/forms/shape";
import { changesOf, isValues, objectOf, problemsOf, settle, type Draft, type Problems, type Values } from "@/forms/values";
import { hereZone, instantOf, localText } from "@/time/local";
import { dayTime, nowMicros, HOUR } from "@/time/format";

interface RunDialogProps {
  deployment: Deployment;
  onClose: () => void;
  /** Values to begin with, over the deployment's own. */
  parameters?: Values;
}

const ANY: Schema = { type: "object" };

/** Asks for a run: a form from the parameters' schema, now or later. */
export function RunDialog({ deployment, onClose, parameters = {} }: RunDialogProps) {
  const navigate = useNavigate();
  const request = useRequestRun();
  const schema = deployment.spec.parameter_schema ?? ANY;
  const defaults = useMemo(() => ({ ...objectOf(schema, schema), ...deployment.spec.parameters }), [schema, deployment.spec.parameters]);
  const [draft, setDraft] = useState<Draft>({ values: { ...defaults, ...parameters }, wrong: "" });
  const job = useJobVariables(deployment);
  const [when, setWhen] = useState("now");
  const [at, setAt] = useState(() => localText(nowMicros() + HOUR));
  const [name, setName] = useState("");
  const [tags, setTags] = useState("");
  const [found, setFound] = useState<Problems>({});
  const refused = problemsOf(request.error);
  const problems = Object.keys(found).length > 0 ? found : refused;
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const settled = settle(draft.values, schema, schema);
    const { changed, problems: emptied } = changesOf(defaults, isValues(settled.value) ? settled.value : {});
    const wrong = { ...settled.problems, ...emptied, ...job.problems };
    const later = when === "later" ? instantOf(at) : null;
    setFound(wrong);
    if (Object.keys(wrong).length > 0 || draft.wrong || job.draft.wrong || (when === "later" && later === null)) return;
    request.mutate(
      { key: keyOf(deployment), parameters: changed, at: later, name: name.trim() || null, tags: tags.split(/[\s,]+/).filter(Boolean), job_variables: job.changed },
      {
        onSuccess: (run) => {
          toast(later !== null ? `${run.name} begins ${dayTime(later)}.` : `${run.name} was asked for.`);
          onClose();
          void navigate({ to: "/runs/$id", params: { id: run.id } });
        },
      },
    );
  };
  return (
    <Dialog open wide onClose={onClose} title={`Run ${keyOf(deployment)}`} description={deployment.spec.work_pool ? `A worker of the pool ${deployment.spec.work_pool} starts it.` : "The process that serves this deployment starts it."}>
      <form onSubmit={submit} noValidate className="flex flex-col gap-5">
        <SchemaForm label="Parameters" schema={schema} draft={draft} onChange={setDraft} problems={problems} empty="This flow takes no parameters." />
        <section aria-label="Start" className="flex flex-wrap items-center gap-3">
          <h3 className="font-semibold">Start</h3>
          <Segments label="Start" choices={[["now", "Now"], ["later", "At a time"]]} chosen={when} onChange={setWhen} />
          {when === "later" && <><input type="datetime-local" required aria-label="Start at" value={at} onChange={(event) => setAt(event.target.value)} className="h-8 rounded-md border border-line-strong bg-canvas px-2.5" /><span className="text-xs text-muted">{hereZone()}</span></>}
        </section>
        <details className="rounded-md border border-line">
          <summary className="px-3 py-2 font-medium">Name, tags, job variables</summary>
          <div className="flex flex-col gap-3.5 px-3 pb-3">
            <div className="grid grid-cols-2 gap-3 max-sm:grid-cols-1">
              <FormField name="Name of the run" hint="One is made up if this is empty." input={(field) => <input {...field} value={name} onChange={(event) => setName(event.target.value)} />} />
              <FormField name="Tags" hint="With commas between them." input={(field) => <input {...field} value={tags} onChange={(event) => setTags(event.target.value)} />} />
            </div>
            {deployment.spec.work_pool && <SchemaForm label="Job variables" schema={job.schema} draft={job.draft} onChange={job.setDraft} problems={job.problems} empty="The pool has no variables." />}
          </div>
        </details>
        <div className="sticky -bottom-4 -mx-4 -mb-4 flex flex-wrap items-center justify-end gap-2 border-t border-line bg-raised px-4 py-3">
          <p role="alert" className="mr-auto min-w-0 break-words whitespace-pre-wrap text-danger empty:hidden">
            {draft.wrong || job.draft.wrong ? "The JSON cannot be read." : Object.keys(problems).length > 0 ? "Some values do not fit: see above." : request.error?.message}
          </p>
          <Button onClick={onClose}>Leave it</Button>
          <Button type="submit" kind="primary" disabled={request.isPending}>{request.isPending ? "Asking …" : when === "later" ? "Run at that time" : "Run now"}</Button>
        </div>
      </form>
    </Dialog>
  );
}

/** What the run's job has besides: the variables of its pool, as the deployment sets them. */
function useJobVariables({ spec }: Deployment) {
  const pool = useQuery({ ...poolQuery(spec.work_pool ?? ""), enabled: spec.work_pool !== null });
  const [typed, setDraft] = useState<Draft | null>(null);
  const known = pool.data?.base_job_template["variables"];
  const schema = isValues(known) ? known : ANY;
  const before: Values = { ...objectOf(schema, schema), ...spec.job_variables };
  const draft = typed ?? { values: before, wrong: "" };
  const { value, problems } = settle(draft.values, schema, schema);
  return { schema, draft, setDraft, problems, changed: changesOf(before, isValues(value) ? value : {}).changed };
}
