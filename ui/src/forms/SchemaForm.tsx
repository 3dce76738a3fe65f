import { useState } from "react";
import { Segments } from "@/design/Segments";
import { Fields } from "@/forms/Fields";
import { AREA } from "@/forms/Scalar";
import { propertiesOf, type Schema } from "@/forms/shape";
import { hasField, isValues, settle, type Draft, type Problems } from "@/forms/values";

interface SchemaFormProps {
  label: string;
  schema: Schema;
  draft: Draft;
  onChange: (draft: Draft) => void;
  problems: Problems;
  /** What is said where there is nothing to fill in. */
  empty: string;
}

/** A form made from a JSON Schema, or the same values as JSON. What is wrong stands at its field. */
export function SchemaForm({ label, schema, draft, onChange, problems, empty }: SchemaFormProps) {
  const [text, setText] = useState<string | null>(null);
  const { values, wrong } = draft;
  const hasFields = propertiesOf(schema).length > 0;
  const free = !hasFields && schema["additionalProperties"] !== false;
  const elsewhere = Object.entries(problems).filter(([path]) => text !== null || !hasField(path, schema, schema));
  const type = (next: string) => {
    setText(next);
    try {
      const read: unknown = JSON.parse(next);
      onChange(isValues(read) ? { values: read, wrong: "" } : { values, wrong: "This is no JSON object." });
    } catch (error) {
      onChange({ values, wrong: error instanceof Error ? error.message : String(error) });
    }
  };
  const asJson = () => JSON.stringify(settle(values, schema, schema).value ?? {}, null, 2);
  const shown = text ?? (free ? asJson() : null);
  return (
    <section aria-label={label}>
      <div className="mb-2 flex min-h-8 items-center justify-between gap-3">
        <h3 className="font-semibold">{label}</h3>
        {hasFields && <Segments label="Edit as" choices={[["form", "Form"], ["json", "JSON"]]} chosen={text === null ? "form" : "json"} onChange={(mode) => { onChange({ values, wrong: "" }); setText(mode === "json" ? asJson() : null); }} />}
      </div>
      {elsewhere.length > 0 && <ul role="alert" className="mb-3 rounded-md bg-danger-soft px-3 py-2 text-danger">{elsewhere.map(([path, problem]) => <li key={path}><span className="font-mono text-xs">{path}</span> {problem}</li>)}</ul>}
      {shown !== null ? (
        <>
          <textarea aria-label={`${label} as JSON`} aria-invalid={wrong !== ""} spellCheck={false} rows={Math.min(18, Math.max(5, shown.split("\n").length + 1))} className={AREA} value={shown} onChange={(event) => type(event.target.value)} />
          <p role="alert" className="text-xs text-danger empty:hidden">{wrong}</p>
        </>
      ) : hasFields ? <Fields schema={schema} root={schema} path="" values={values} onChange={(next) => onChange({ values: next, wrong: "" })} problems={problems} />
        : <p className="text-muted">{empty}</p>}
    </section>
  );
}
