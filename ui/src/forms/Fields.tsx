import { Plus, X } from "lucide-react";
import { useId, type ReactNode } from "react";
import { Button, IconButton } from "@/design/Button";
import { Scalar } from "@/forms/Scalar";
import { itemOf, propertiesOf, requiredOf, shapeOf, type Schema, type Shape } from "@/forms/shape";
import { initialOf, isValues, objectOf, within, type Problems, type Values } from "@/forms/values";

interface Part {
  root: Schema;
  path: string;
  problems: Problems;
}

interface FieldsProps extends Part {
  schema: Schema;
  values: Values;
  onChange: (values: Values) => void;
}

/** The fields of an object. */
export function Fields({ schema, values, onChange, ...part }: FieldsProps) {
  return (
    <div className="flex flex-col gap-3.5">
      {propertiesOf(schema).map(([name, property]) => (
        <Field
          key={name} name={name} schema={property} {...part} path={within(part.path, name)} value={values[name]} required={requiredOf(schema).includes(name)}
          onChange={(value) => onChange({ ...values, [name]: value })}
        />
      ))}
    </div>
  );
}

interface FieldProps extends Part {
  name: string;
  schema: Schema;
  value: unknown;
  required: boolean;
  onChange: (value: unknown) => void;
}

function Field({ name, schema, value, required, onChange, ...part }: FieldProps) {
  const id = useId();
  const shape = shapeOf(schema, part.root);
  const problem = part.problems[part.path];
  const about = (
    <>
      {shape.description && <p className="text-xs whitespace-pre-line text-muted">{shape.description.replaceAll("`", "")}</p>}
      <p id={`${id}-problem`} role="alert" className="text-xs font-medium text-danger empty:hidden">{problem && `${name} ${problem}`}</p>
    </>
  );
  if (shape.kind === "object" || shape.kind === "list") {
    const Group = shape.kind === "object" ? ObjectGroup : ListGroup;
    return (
      <fieldset className="min-w-0" aria-invalid={problem !== undefined}>
        <legend className="mb-1 flex w-full items-baseline gap-2"><Name name={name} required={required} hint={shape.hint} /></legend>
        <div className={shape.description || problem ? "mb-1.5" : ""}>{about}</div>
        <Group shape={shape} name={name} value={value} onChange={onChange} {...part} />
      </fieldset>
    );
  }
  const input = { id, "aria-describedby": `${id}-problem`, "aria-invalid": problem !== undefined, "aria-required": required };
  return (
    <div className="flex min-w-0 flex-col gap-1">
      <label htmlFor={id} className="flex items-baseline gap-2"><Name name={name} required={required} hint={shape.hint} /></label>
      <Scalar shape={shape} value={value} onChange={onChange} input={input} />
      {about}
    </div>
  );
}

function Name({ name, required, hint }: { name: string; required: boolean; hint: string }) {
  return <><span className="font-mono text-xs font-medium">{name}</span>{required && <span className="text-xs text-warn">needed</span>}<span aria-hidden className="ml-auto truncate text-xs text-faint">{hint}</span></>;
}

interface GroupProps extends Part {
  shape: Shape;
  name: string;
  value: unknown;
  onChange: (value: unknown) => void;
}

const NESTED = "border-l-2 border-line pl-3.5";

function ObjectGroup({ shape, name, value, onChange, ...part }: GroupProps) {
  if (!isValues(value)) return <Add onClick={() => onChange(objectOf(shape.schema, part.root))}>Give {name}</Add>;
  return (
    <div className={NESTED}>
      <Fields schema={shape.schema} values={value} onChange={onChange} {...part} />
      {shape.nullable && <Button kind="quiet" icon={<X size={13} />} className="mt-2 -ml-2" onClick={() => onChange(null)}>Leave {name} out</Button>}
    </div>
  );
}

function ListGroup({ shape, name, value, onChange, ...part }: GroupProps) {
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  const item = itemOf(shape.schema);
  return (
    <div className="flex flex-col gap-2">
      {items.map((one, place) => (
        <div key={place} className="flex items-start gap-1">
          <div className="min-w-0 flex-1">
            <Item
              name={`${name} ${place + 1}`} schema={item} {...part} path={within(part.path, place)} value={one}
              onChange={(changed) => onChange(items.map((other, at) => (at === place ? changed : other)))}
            />
          </div>
          <IconButton label={`Remove ${name} ${place + 1}`} onClick={() => onChange(items.filter((_, at) => at !== place))}><X size={14} /></IconButton>
        </div>
      ))}
      <Add onClick={() => onChange([...items, initialOf(item, part.root)])}>Add to {name}</Add>
    </div>
  );
}

/** A list's item: its number stands for its name. */
function Item({ name, schema, value, onChange, ...part }: Omit<FieldProps, "required">) {
  const id = useId();
  const shape = shapeOf(schema, part.root);
  const problem = part.problems[part.path];
  if (shape.kind === "object") return <ObjectGroup shape={shape} name={name} value={value} onChange={onChange} {...part} />;
  if (shape.kind === "list") return <ListGroup shape={shape} name={name} value={value} onChange={onChange} {...part} />;
  return (
    <>
      <label htmlFor={id} className="sr-only">{name}</label>
      <Scalar shape={shape} value={value} onChange={onChange} input={{ id, "aria-describedby": `${id}-problem`, "aria-invalid": problem !== undefined, "aria-required": true }} />
      <p id={`${id}-problem`} role="alert" className="mt-1 text-xs font-medium text-danger empty:hidden">{problem}</p>
    </>
  );
}

const Add = ({ onClick, children }: { onClick: () => void; children: ReactNode }) => <Button icon={<Plus size={13} />} className="self-start" onClick={onClick}>{children}</Button>;
