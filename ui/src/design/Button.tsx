import type { ButtonHTMLAttributes, ReactNode } from "react";

type Kind = "plain" | "primary" | "danger" | "quiet";

const LOOKS: Record<Kind, string> = {
  plain: "border border-line-strong bg-surface hover:bg-hover",
  primary: "bg-accent text-on-accent hover:bg-accent-strong",
  danger: "border border-line-strong text-danger bg-surface hover:bg-danger-soft",
  quiet: "text-muted hover:bg-hover hover:text-ink",
};

interface ButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: Kind;
  icon?: ReactNode;
}

/** The class of a button, for links that look like one. */
export const buttonClass = (kind: Kind = "plain"): string =>
  `inline-flex h-7.5 items-center gap-1.5 rounded-md px-2.5 font-medium whitespace-nowrap transition-colors disabled:opacity-50 ${LOOKS[kind]}`;

/** A button. */
export function Button({ kind = "plain", icon, className, children, ...rest }: ButtonProps) {
  return (
    <button type="button" className={`${buttonClass(kind)} ${className ?? ""}`} {...rest}>
      {icon}
      {children}
    </button>
  );
}

interface IconButtonProps extends ButtonHTMLAttributes<HTMLButtonElement> {
  label: string;
}

/** A button that is only an icon; its label is read aloud and shown on hover. */
export function IconButton({ label, className, children, ...rest }: IconButtonProps) {
  return (
    <button
      type="button" aria-label={label} title={label}
      className={`inline-flex size-7 items-center justify-center rounded-md text-muted transition-colors hover:bg-hover hover:text-ink disabled:opacity-40 ${className ?? ""}`}
      {...rest}
    >
      {children}
    </button>
  );
}
