import { useQuery } from "@tanstack/react-query";
import { X } from "lucide-react";
import { flowsQuery } from "@/api/queries/catalogue";
import { deploymentsQuery, keyOf } from "@/api/queries/deployments";
import { Button } from "@/design/Button";
import { Choose } from "@/design/Menu";
import { SearchBox } from "@/design/SearchBox";
import { STACK_ORDER, wordOf } from "@/design/state";
import { StateMark } from "@/design/StateMark";
import { listOf } from "@/keys/search";
import { RANGES, type RunSearch } from "@/pages/runs/filter";
import { dayTime } from "@/time/format";

interface FilterBarProps {
  search: RunSearch;
  onChange: (next: RunSearch) => void;
  onClear: () => void;
}

const CHOICES = [
  ...STACK_ORDER.toReversed().map((type) => ({ value: type, label: <><StateMark type={type} />{wordOf(type)}</> })),
  { value: "Late", label: <><StateMark type="SCHEDULED" name="Late" />Late</> },
  { value: "AwaitingRetry", label: <><StateMark type="SCHEDULED" name="AwaitingRetry" />AwaitingRetry</> },
];

/** The filters of the runs page; they live in the address. */
export function FilterBar({ search, onChange, onClear }: FilterBarProps) {
  const flows = useQuery(flowsQuery);
  const deployments = useQuery(deploymentsQuery());
  const states = listOf(search.state);
  const named = listOf(search.flow);
  const stretch = search.since || search.until;
  return (
    <div role="search" aria-label="Runs" className="flex flex-wrap items-center gap-2">
      <SearchBox label="Search runs" placeholder="Text, or flow:web-* param.year=2020" value={search.q ?? ""} onChange={(q) => onChange({ q })} className="max-w-96 min-w-64 flex-1" />
      <Choose
        label="State" chosen={states} choices={CHOICES} onChange={(next) => onChange({ state: next.join(",") })}
        shown={states.length > 0 ? states.map((state) => wordOf(state as "FAILED")).join(", ").slice(0, 40) : undefined}
      />
      <Choose
        label="Flow" chosen={named} choices={(flows.data ?? []).map(({ name }) => ({ value: name, label: name }))}
        onChange={(next) => onChange({ flow: next.join(",") })} shown={named.length > 0 ? named.join(", ").slice(0, 40) : undefined}
      />
      {(search.deployment || (deployments.data?.items.length ?? 0) > 0) && (
        <Choose
          single label="Deployment" chosen={search.deployment ? [search.deployment] : []} choices={(deployments.data?.items ?? []).map((each) => ({ value: keyOf(each), label: keyOf(each) }))}
          onChange={([deployment]) => onChange({ deployment: deployment ?? "" })} shown={search.deployment || undefined}
        />
      )}
      {stretch ? (
        <Button onClick={() => onChange({ since: "", until: "" })} icon={<X size={13} />} title="Take this away" className="h-8 border-accent! bg-accent-soft! text-accent-strong">
          {search.since ? dayTime(Number(search.since)) : "…"} – {search.until ? dayTime(Number(search.until)) : "now"}
        </Button>
      ) : (
        <Choose
          single label="Time" chosen={search.range ? [search.range] : []} shown={search.range ? RANGES[search.range]?.word : "Any time"}
          choices={Object.entries(RANGES).map(([value, { word }]) => ({ value, label: word }))} onChange={([range]) => onChange({ range: range ?? "" })}
        />
      )}
      <label className="inline-flex h-8 items-center gap-2 px-1">
        <input type="checkbox" className="size-3.5 accent-accent" checked={search.all === "1"} onChange={(event) => onChange({ all: event.target.checked ? "1" : "" })} />
        Subflow runs too
      </label>
      {Object.keys(search).length > 0 && <Button kind="quiet" onClick={onClear} icon={<X size={14} />}>Clear</Button>}
    </div>
  );
}
