import { FormField } from "@/design/FormField";
import { AREA } from "@/forms/Scalar";
import { UNITS, type FormProblems, type ScheduleForm } from "@/schedules/form";
import { cronWords } from "@/schedules/words";

interface RuleFieldsProps {
  form: ScheduleForm;
  problems: FormProblems;
  onChange: (next: Partial<ScheduleForm>) => void;
}

/** When it fires: a cron expression, an interval, or a rule of iCalendar. */
export function RuleFields({ form, problems, onChange }: RuleFieldsProps) {
  if (form.kind === "cron")
    return (
      <FormField
        name="Cron" problem={problems.cron} hint={cronWords(form.cron) ?? "minute, hour, day of month, month, day of week"}
        input={(field) => <input {...field} autoFocus spellCheck={false} autoComplete="off" className={`${field.className} font-mono`} value={form.cron} onChange={(event) => onChange({ cron: event.target.value })} />}
      />
    );
  if (form.kind === "rrule")
    return (
      <FormField
        name="Rule" problem={problems.rrule} hint="A recurrence rule of iCalendar (RFC 5545)."
        input={(field) => <textarea {...field} rows={2} spellCheck={false} className={AREA} value={form.rrule} onChange={(event) => onChange({ rrule: event.target.value })} />}
      />
    );
  return (
    <div className="grid grid-cols-3 gap-3">
      <FormField name="Every" problem={problems.every} input={(field) => <input {...field} inputMode="decimal" value={form.every} onChange={(event) => onChange({ every: event.target.value })} />} />
      <FormField name="Unit" input={(field) => <select {...field} value={form.unit} onChange={(event) => onChange({ unit: event.target.value })}>{UNITS.map(([unit]) => <option key={unit}>{unit}</option>)}</select>} />
      <FormField name="So that one is at" problem={problems.anchor} input={(field) => <input {...field} type="datetime-local" value={form.anchor} onChange={(event) => onChange({ anchor: event.target.value })} />} />
    </div>
  );
}
