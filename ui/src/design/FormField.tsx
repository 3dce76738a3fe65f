import { useId, type ReactNode } from "react";

export const CONTROL = "h-8 w-full min-w-0 rounded-md border border-line-strong bg-canvas px-2.5 placeholder:text-faint aria-invalid:border-danger";

interface FormFieldProps {
  name: string;
  hint?: ReactNode;
  problem?: string | undefined;
  className?: string;
  input: (props: { id: string; "aria-describedby": string; "aria-invalid": boolean; className: string }) => ReactNode;
}

/** A field with its name, what it is for, and what is wrong with it. */
export function FormField({ name, hint, problem, className, input }: FormFieldProps) {
  const id = useId();
  return (
    <div className={`flex min-w-0 flex-col gap-1 ${className ?? ""}`}>
      <label htmlFor={id} className="font-medium">{name}</label>
      {input({ id, "aria-describedby": `${id}-hint ${id}-problem`, "aria-invalid": problem !== undefined && problem !== "", className: CONTROL })}
      <span id={`${id}-hint`} className="text-xs text-muted empty:hidden">{hint}</span>
      <span id={`${id}-problem`} role="alert" className="text-xs font-medium text-danger empty:hidden">{problem}</span>
    </div>
  );
}
