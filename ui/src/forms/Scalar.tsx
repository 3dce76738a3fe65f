import { choicesOf, type Shape } from "@/forms/shape";
import { Typed } from "@/forms/values";

export interface InputProps {
  id: string;
  "aria-describedby": string;
  "aria-invalid": boolean;
  "aria-required": boolean;
}

interface ScalarProps {
  shape: Shape;
  value: unknown;
  onChange: (value: unknown) => void;
  input: InputProps;
}

export const INPUT = "h-8 w-full min-w-0 rounded-md border border-line-strong bg-canvas px-2.5 placeholder:text-faint aria-invalid:border-danger";
export const AREA = "w-full min-w-0 rounded-md border border-line-strong bg-canvas px-2.5 py-1.5 font-mono text-xs leading-5 placeholder:text-faint aria-invalid:border-danger";
const DATE = /^\d{4}-\d\d-\d\d$/;
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?$/;
const ROWS_MAX = 12;

const textOf = (value: unknown): string => (value instanceof Typed ? value.text : value == null ? "" : typeof value === "string" ? value : JSON.stringify(value));

/** One value: a field of the sort that its schema asks for. */
export function Scalar({ shape, value, onChange, input }: ScalarProps) {
  const text = textOf(value);
  const empty = shape.nullable ? null : undefined;
  if (shape.kind === "boolean" && !shape.nullable)
    return <input {...input} type="checkbox" className="size-4 accent-accent" checked={value === true} onChange={(event) => onChange(event.target.checked)} />;
  if (shape.kind === "choice" || shape.kind === "boolean") return <ChoiceInput shape={shape} value={value} onChange={onChange} input={input} />;
  if (shape.kind === "json") {
    const shown = value instanceof Typed ? value.text : value === undefined ? "" : JSON.stringify(value, null, 1);
    return <textarea {...input} spellCheck={false} rows={Math.min(ROWS_MAX, Math.max(1, shown.split("\n").length))} className={AREA} value={shown} onChange={(event) => onChange(new Typed(event.target.value))} />;
  }
  if (shape.kind === "integer" || shape.kind === "number")
    return <input {...input} inputMode={shape.kind === "integer" ? "numeric" : "decimal"} autoComplete="off" className={`${INPUT} font-mono text-xs`} value={text} placeholder={shape.nullable ? "nothing" : ""} onChange={(event) => onChange(new Typed(event.target.value))} />;
  const isDate = shape.kind === "date" && (text === "" || DATE.test(text));
  const isDateTime = shape.kind === "datetime" && (text === "" || DATE_TIME.test(text));
  const secret = shape.schema["format"] === "password" || shape.schema["writeOnly"] === true;
  if (text.includes("\n")) return <textarea {...input} rows={Math.min(ROWS_MAX, text.split("\n").length + 1)} className={AREA} value={text} onChange={(event) => onChange(event.target.value)} />;
  return (
    <input
      {...input} type={isDate ? "date" : isDateTime ? "datetime-local" : secret ? "password" : "text"} {...(isDateTime ? { step: 1 } : {})} autoComplete="off" spellCheck={false}
      className={INPUT} value={text} placeholder={shape.nullable ? "nothing" : ""}
      onChange={(event) => onChange(event.target.value === "" && (shape.nullable || shape.kind !== "text") ? empty : event.target.value)}
    />
  );
}

function ChoiceInput({ shape, value, onChange, input }: ScalarProps) {
  const choices = shape.kind === "boolean" ? [true, false] : choicesOf(shape.schema);
  const at = choices.findIndex((choice) => JSON.stringify(choice) === JSON.stringify(value));
  const said = (choice: unknown) => (shape.kind === "boolean" ? (choice === true ? "yes" : "no") : textOf(choice));
  return (
    <select {...input} className={INPUT} value={at < 0 ? "" : String(at)} onChange={(event) => onChange(event.target.value === "" ? (shape.nullable ? null : undefined) : choices[Number(event.target.value)])}>
      {(shape.nullable || at < 0) && <option value="">{shape.nullable ? "nothing" : "choose …"}</option>}
      {choices.map((choice, place) => <option key={place} value={place}>{said(choice)}</option>)}
    </select>
  );
}
