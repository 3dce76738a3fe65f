import { useState, type SubmitEvent } from "react";
import { useSavePool } from "@/api/queries/work";
import type { WorkPool } from "@/api/types";
import { Button } from "@/design/Button";
import { Card } from "@/design/Card";
import { Dialog } from "@/design/Dialog";
import { toast } from "@/design/toast";
import { AREA } from "@/forms/Scalar";
import { propertiesOf, shapeOf } from "@/forms/shape";
import { isValues } from "@/forms/values";
import { textOf } from "@/pages/run/parameters";

/** What a run's job is made from: variables that deployments and runs may set. */
export function Template({ pool }: { pool: WorkPool }) {
  const [open, setOpen] = useState(false);
  const schema = pool.base_job_template["variables"];
  const variables = isValues(schema) ? propertiesOf(schema) : [];
  return (
    <Card title="Job template" flush aside={<Button onClick={() => setOpen(true)}>Edit …</Button>}>
      {variables.length === 0 ? <p className="px-3.5 pb-3 text-muted">It has no variables.</p> : (
        <dl>
          {variables.map(([name, property]) => {
            const shape = shapeOf(property, isValues(schema) ? schema : {});
            return (
              <div key={name} className="border-t border-line px-3.5 py-1.5">
                <dt className="flex items-baseline gap-2"><code className="font-mono text-xs font-medium">{name}</code><span className="ml-auto text-xs text-faint">{shape.hint}</span></dt>
                <dd className="text-muted">{shape.description.replaceAll("`", "")}{"default" in property && <span> <span className="text-faint">Default:</span> <code className="font-mono text-xs break-all">{textOf(property["default"])}</code></span>}</dd>
              </div>
            );
          })}
        </dl>
      )}
      {open && <TemplateDialog pool={pool} onClose={() => setOpen(false)} />}
    </Card>
  );
}

function TemplateDialog({ pool, onClose }: { pool: WorkPool; onClose: () => void }) {
  const [text, setText] = useState(() => JSON.stringify(pool.base_job_template, null, 2));
  const [wrong, setWrong] = useState("");
  const save = useSavePool();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    let read: unknown;
    try {
      read = JSON.parse(text);
    } catch (error) {
      setWrong(error instanceof Error ? error.message : String(error));
      return;
    }
    setWrong(isValues(read) ? "" : "This is no JSON object.");
    if (isValues(read)) save.mutate({ name: pool.name, base_job_template: read, overwrite: true }, { onSuccess: () => { toast("The template is changed: it holds for runs that begin from now on."); onClose(); } });
  };
  return (
    <Dialog open wide onClose={onClose} title={`Job template of ${pool.name}`} description="“variables” is a JSON Schema; “job_configuration” is what they are put into, as {{ name }}.">
      <form onSubmit={submit} className="flex flex-col gap-3">
        <textarea aria-label="Job template" spellCheck={false} rows={22} className={AREA} aria-invalid={wrong !== ""} value={text} onChange={(event) => setText(event.target.value)} />
        <p role="alert" className="break-words text-danger empty:hidden">{wrong || save.error?.message}</p>
        <div className="flex justify-end gap-2"><Button onClick={onClose}>Leave it</Button><Button type="submit" kind="primary" disabled={save.isPending}>Change it</Button></div>
      </form>
    </Dialog>
  );
}
