import { useState, type SubmitEvent } from "react";
import { useAnswer } from "@/api/queries/waiting";
import type { FlowRun, RunInput } from "@/api/types";
import { Button } from "@/design/Button";
import { toast } from "@/design/toast";
import { SchemaForm } from "@/forms/SchemaForm";
import { propertiesOf } from "@/forms/shape";
import { hasField, initialOf, isValues, problemsOf, settle, Typed, type Draft, type Problems } from "@/forms/values";
import { Time } from "@/time/Time";

/** What a run asks, and the form to answer it, made from the answer's schema. */
export function AnswerForm({ run, asked }: { run: FlowRun; asked: RunInput }) {
  // An answer that is no object (a number, a choice) is the one field of an object around it.
  const given = asked.answer_schema;
  const plain = given !== null && propertiesOf(given).length === 0 && given["type"] !== "object";
  const schema = given === null ? null : plain ? { ...given, type: "object", properties: { answer: given }, required: ["answer"] } : given;
  const [draft, setDraft] = useState<Draft>(() => {
    const begun = schema === null ? {} : plain ? { answer: initialOf(given, given) } : initialOf(schema, schema);
    return { values: isValues(begun) && !(begun instanceof Typed) ? begun : {}, wrong: "" };
  });
  const [found, setFound] = useState<Problems>({});
  const answer = useAnswer();
  const refused = Object.entries(problemsOf(answer.error)).map(([path, problem]) => [plain ? (path === "$" ? "answer" : `answer${path.startsWith("[") ? "" : "."}${path}`) : path, problem] as const);
  const problems = Object.keys(found).length > 0 ? found : Object.fromEntries(refused);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const settled = schema === null ? { value: null, problems: {} } : settle(draft.values, schema, schema);
    setFound(settled.problems);
    if (draft.wrong || Object.keys(settled.problems).length > 0) return;
    const value = plain && isValues(settled.value) ? settled.value["answer"] : settled.value;
    answer.mutate({ id: run.id, key: asked.key, answer: value ?? null }, { onSuccess: () => toast(`${run.name} goes on.`) });
  };
  const placed = schema !== null && Object.keys(problems).some((path) => hasField(path, schema, schema));
  return (
    <form onSubmit={submit} noValidate className="flex max-w-2xl flex-col gap-3">
      <p className="whitespace-pre-wrap">{asked.message ?? "It stopped here until somebody lets it go on."} <span className="text-muted">Asked <Time at={asked.asked_at} />{asked.expires_at != null && <>, without an answer it fails <Time at={asked.expires_at} /></>}.</span></p>
      {schema !== null && <SchemaForm label="Answer" schema={schema} draft={draft} onChange={setDraft} problems={problems} empty="Nothing is to be filled in." />}
      <p role="alert" className="break-words text-danger empty:hidden">{draft.wrong ? "The JSON cannot be read." : answer.error && !placed ? answer.error.message : ""}</p>
      <div><Button type="submit" kind="primary" disabled={answer.isPending}>{schema === null ? "Let it go on" : "Answer, and let it go on"}</Button></div>
    </form>
  );
}
