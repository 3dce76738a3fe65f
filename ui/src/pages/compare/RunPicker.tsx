import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { findRunsQuery, runListQuery, runQuery } from "@/api/queries/runs";
import type { FlowRun } from "@/api/types";
import { StateBadge, StateMark } from "@/design/StateMark";
import { useSettled } from "@/keys/useSettled";
import { Time } from "@/time/Time";

interface RunPickerProps {
  label: string;
  id: string;
  /** The other side's run: those of its flow are offered first. */
  like: string;
  onChoose: (id: string) => void;
}

const OFFERED = 12;

/** Chooses a run: from the newest ones, or by what is typed. */
export function RunPicker({ label, id, like, onChoose }: RunPickerProps) {
  const [open, setOpen] = useState(false);
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const chosen = useQuery({ ...runQuery(id), enabled: id !== "" });
  const other = useQuery({ ...runQuery(like), enabled: like !== "" });
  const settled = useSettled(text.trim(), 150);
  const found = useQuery(findRunsQuery(settled));
  const newest = useQuery({ ...runListQuery(other.data ? { flow_names: [other.data.flow_name] } : { top_level: true }, OFFERED), enabled: open });
  const offered = ((settled.length > 1 ? found.data : newest.data) ?? []).filter((run) => run.id !== like);
  const choose = (run: FlowRun | undefined) => {
    if (!run) return;
    onChoose(run.id);
    setOpen(false);
    setText("");
  };
  const list = `offered-${label}`;
  return (
    <div className="relative" onBlur={(event) => { if (!event.currentTarget.contains(event.relatedTarget)) setOpen(false); }}>
      <label className="mb-1 flex items-center gap-2 text-xs font-medium text-muted">
        Run {label} {chosen.data && <StateBadge state={chosen.data.state} plain />}
      </label>
      <input
        role="combobox" aria-label={`Run ${label}`} aria-expanded={open} aria-controls={list} aria-activedescendant={open && offered[at] ? `${list}-${at}` : undefined}
        value={open ? text : (chosen.data ? `${chosen.data.flow_name} / ${chosen.data.name}` : "")} placeholder="A run's name or id"
        onFocus={() => setOpen(true)} onClick={() => setOpen(true)} onChange={(event) => { setText(event.target.value); setAt(0); setOpen(true); }}
        onKeyDown={(event) => {
          if (event.key === "ArrowDown" || event.key === "ArrowUp") {
            event.preventDefault();
            setAt(Math.max(0, Math.min(offered.length - 1, at + (event.key === "ArrowDown" ? 1 : -1))));
          } else if (event.key === "Enter") choose(offered[at]);
          else if (event.key === "Escape") setOpen(false);
        }}
        className="h-9 w-full rounded-md border border-line-strong bg-surface px-3 font-medium placeholder:font-normal placeholder:text-faint"
      />
      {open && (
        <div id={list} role="listbox" aria-label={`Runs for ${label}`} className="absolute inset-x-0 top-full z-20 mt-1 max-h-80 overflow-auto rounded-lg border border-line-strong bg-raised p-1" style={{ boxShadow: "0 8px 28px var(--shadow)" }}>
          {offered.length === 0 && <p className="px-2.5 py-2 text-muted">{settled ? "No run fits." : "No runs yet."}</p>}
          {offered.map((run, index) => (
            <div
              key={run.id} id={`${list}-${index}`} role="option" aria-selected={index === at} onPointerDown={(event) => { event.preventDefault(); choose(run); }} onPointerMove={() => setAt(index)}
              className={`flex cursor-pointer items-center gap-2 rounded-md px-2.5 py-1.5 ${index === at ? "bg-accent-soft" : ""}`}
            >
              <StateMark type={run.state.type} name={run.state.name} titled /><span className="truncate font-medium">{run.name}</span><span className="truncate text-xs text-muted">{run.flow_name}</span>
              <Time at={run.started_at} className="ml-auto text-xs text-muted" />
            </div>
          ))}
        </div>
      )}
    </div>
  );
}
