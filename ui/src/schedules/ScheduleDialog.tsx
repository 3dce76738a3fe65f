import { useState, type SubmitEvent } from "react";
import { ApiError } from "@/api/http";
import { keyOf } from "@/api/queries/deployments";
import { useSaveSchedule } from "@/api/queries/schedules";
import type { Deployment, ScheduleRow } from "@/api/types";
import { Button } from "@/design/Button";
import { Dialog } from "@/design/Dialog";
import { FormField } from "@/design/FormField";
import { Segments } from "@/design/Segments";
import { toast } from "@/design/toast";
import { SchemaForm } from "@/forms/SchemaForm";
import type { Schema } from "@/forms/shape";
import { isValues, problemsOf, type Draft, type Problems, type Values } from "@/forms/values";
import { Preview } from "@/schedules/Preview";
import { RuleFields } from "@/schedules/RuleFields";
import { definitionOf, fieldOf, formOf, freeSlug, ownParameters, valuesOf, type FormProblems, type ScheduleForm } from "@/schedules/form";
import { hereZone } from "@/time/local";

interface ScheduleDialogProps {
  deployment: Deployment;
  /** None makes a new one. */
  known: ScheduleRow | null;
  taken: readonly string[];
  onClose: () => void;
}

const ANY: Schema = { type: "object" };
const CATCHUPS = [["skip", "nothing"], ["latest", "the latest missed"], ["all", "all missed"]] as const;
const OVERLAPS = [["allow", "start it beside the other"], ["skip", "leave this time out"], ["queue", "wait for the other"], ["cancel_running", "cancel the other"]] as const;

/** Makes or changes a schedule; the times at which it would fire are shown as it is typed. */
export function ScheduleDialog({ deployment, known, taken, onClose }: ScheduleDialogProps) {
  const [form, setForm] = useState<ScheduleForm>(() => {
    const begun = formOf(known?.definition ?? {}, hereZone());
    return known ? begun : { ...begun, slug: freeSlug(begun.kind, taken) };
  });
  const { spec } = deployment;
  const schema = spec.parameter_schema ?? ANY;
  const own: Values = isValues(known?.definition["parameters"]) ? known.definition["parameters"] : {};
  const [draft, setDraft] = useState<Draft>(() => ({ values: { ...valuesOf(schema, spec.parameters), ...own }, wrong: "" }));
  const [touched, setTouched] = useState(known !== null);
  const [refused, setRefused] = useState<unknown>(null);
  const save = useSaveSchedule();
  const given = ownParameters(draft.values, schema, spec.parameters, own);
  const { definition, problems: unread } = definitionOf(form, given.parameters, known?.definition);
  const error = save.error ?? refused;
  const misfits: Problems = { ...parameterProblems(error), ...given.problems };
  const problems: FormProblems = { ...placed(error), ...unread, ...(!known && taken.includes(form.slug) ? { slug: "is taken by another schedule of this deployment" } : {}) };
  const elsewhere = error instanceof Error && Object.keys(placed(error)).length + Object.keys(misfits).length === 0 ? error.message : "";
  const change = (next: Partial<ScheduleForm>) => {
    save.reset();
    if (next.slug !== undefined) setTouched(true);
    setForm({ ...form, ...next, ...(next.kind && !touched ? { slug: freeSlug(next.kind, taken) } : {}) });
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (Object.keys(unread).length + Object.keys(given.problems).length > 0 || draft.wrong || (!known && taken.includes(form.slug))) return;
    save.mutate({ key: keyOf(deployment), definition }, { onSuccess: () => { toast(`${form.slug} is saved.`); onClose(); } });
  };
  const text = (name: keyof ScheduleForm) => ({ value: form[name], onChange: (event: { target: { value: string } }) => change({ [name]: event.target.value }) });
  return (
    <Dialog open wide onClose={onClose} title={known ? `Change ${known.slug}` : `Add a schedule to ${keyOf(deployment)}`}>
      <form onSubmit={submit} noValidate className="grid grid-cols-[minmax(0,1fr)_17rem] gap-5 max-sm:grid-cols-1">
        <div className="flex min-w-0 flex-col gap-3.5">
          <div><Segments label="Kind of schedule" choices={[["cron", "Cron"], ["interval", "Interval"], ["rrule", "Rule"]]} chosen={form.kind} onChange={(kind) => change({ kind: kind as ScheduleForm["kind"] })} /></div>
          <RuleFields form={form} problems={problems} onChange={change} />
          <div className="grid grid-cols-2 gap-3">
            <FormField name="Time zone" problem={problems.timezone} input={(field) => <><input {...field} list="zones" spellCheck={false} {...text("timezone")} /><datalist id="zones">{["UTC", ...Intl.supportedValuesOf("timeZone")].map((zone) => <option key={zone} value={zone} />)}</datalist></>} />
            <FormField name="Name" problem={problems.slug} input={(field) => <input {...field} disabled={known !== null} spellCheck={false} {...text("slug")} />} />
          </div>
          <div className="grid grid-cols-2 gap-3">
            <FormField name="If the run before still goes on" problem={problems.overlap} input={(field) => <select {...field} {...text("overlap")}>{OVERLAPS.map(([value, word]) => <option key={value} value={value}>{word}</option>)}</select>} />
            <FormField name="After times were missed, run" problem={problems.catchup} input={(field) => <select {...field} {...text("catchup")}>{CATCHUPS.map(([value, word]) => <option key={value} value={value}>{word}</option>)}</select>} />
          </div>
          <details className="rounded-md border border-line" open={Object.keys(misfits).length + Object.keys(own).length > 0 || undefined}>
            <summary className="px-3 py-2 font-medium">Parameters</summary>
            <div className="px-3 pb-3">
              <SchemaForm label="Parameters of its runs" schema={schema} draft={draft} onChange={(next) => { save.reset(); setDraft(next); }} problems={misfits} empty="This flow takes no parameters." />
              <p className="mt-2 text-xs text-muted">What differs from the deployment's own is kept with the schedule. Each time stands for a period: <code className="font-mono">{"{{ period.start.month }}"}</code></p>
            </div>
          </details>
          <details className="rounded-md border border-line" open={problems.start !== undefined || problems.end !== undefined || undefined}>
            <summary className="px-3 py-2 font-medium">Start and end, jitter</summary>
            <div className="px-3 pb-3">
              <div className="grid grid-cols-2 gap-3">
                <FormField name="Not before" problem={problems.start} input={(field) => <input {...field} type="datetime-local" {...text("start")} />} />
                <FormField name="Not after" problem={problems.end} hint={`Both in ${hereZone()}`} input={(field) => <input {...field} type="datetime-local" {...text("end")} />} />
                <FormField name="Jitter" hint="Start up to so many seconds later." problem={problems.jitter} input={(field) => <input {...field} inputMode="decimal" {...text("jitter")} />} />
                {form.catchup === "all" && <FormField name="Missed times at most" problem={problems.catchupLimit} input={(field) => <input {...field} inputMode="numeric" {...text("catchupLimit")} />} />}
              </div>
            </div>
          </details>
          <p role="alert" className="break-words text-danger empty:hidden">{elsewhere}</p>
        </div>
        <div className="flex min-w-0 flex-col gap-4 sm:sticky sm:top-0 sm:self-start">
          <Preview definition={definition} zone={form.timezone} onRefused={setRefused} />
          <div className="flex justify-end gap-2"><Button onClick={onClose}>Leave it</Button><Button type="submit" kind="primary" disabled={save.isPending}>{known ? "Change it" : "Add it"}</Button></div>
        </div>
      </form>
    </Dialog>
  );
}

/** What a refusal says of parameters. */
function parameterProblems(error: unknown): Problems {
  if (!(error instanceof ApiError)) return {};
  const { parameter, problem } = error.facts;
  if (error.kind === "TemplateInvalid" && typeof parameter === "string") return { [parameter]: typeof problem === "string" ? problem : error.message };
  return error.kind === "ParameterInvalid" ? problemsOf(error) : {};
}

/** What a refusal says, at its field. */
function placed(error: unknown): FormProblems {
  if (!(error instanceof ApiError)) return {};
  const field = fieldOf(error.facts["field"]);
  const problem = error.facts["problem"];
  return field ? { [field]: (typeof problem === "string" ? problem : error.message).replaceAll("`", "") } : {};
}
