import { useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { ChevronLeft, ChevronRight } from "lucide-react";
import { useEffect, useMemo, useState } from "react";
import { deploymentsQuery, keyOf, partsOf } from "@/api/queries/deployments";
import { runListQuery } from "@/api/queries/runs";
import { allTicksQuery } from "@/api/queries/schedules";
import type { UpcomingTick } from "@/api/types";
import { Button, IconButton } from "@/design/Button";
import { Card } from "@/design/Card";
import { Choose } from "@/design/Menu";
import { PageHead } from "@/design/PageHead";
import { Empty, Fault, Skeleton } from "@/design/Placeholder";
import { Segments } from "@/design/Segments";
import { HoursView } from "@/pages/calendar/HoursView";
import { byDay, dayOf, daysOf, entriesOf, microsOf, addDays, turned, viewOf, type Entry, type View } from "@/pages/calendar/model";
import { MonthView } from "@/pages/calendar/MonthView";
import { useCalendarKeys } from "@/pages/calendar/useCalendarKeys";
import { TickDialog } from "@/schedules/TickDialog";
import { count } from "@/time/format";
import { dateText } from "@/time/local";
import { useMinute } from "@/time/useMinute";

const RUNS_MAX = 1_000;
const MONTH = new Intl.DateTimeFormat("en-GB", { month: "long", year: "numeric" });
const DATE = new Intl.DateTimeFormat("en-GB", { weekday: "long", day: "numeric", month: "long", year: "numeric" });
const SHORT = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric" });

const HOW = `penstock deployment schedule add web-to-lake/monthly --cron "0 5 1 * *"`;

/** When is what due, and what came of what was. */
export function CalendarPage() {
  const search = useSearch({ from: "/calendar" });
  const navigate = useNavigate({ from: "/calendar" });
  const minute = useMinute();
  const view = viewOf(search.view);
  const today = dateText(new Date(minute / 1000));
  const date = useMemo(() => dayOf(search.date, dayOf(today, new Date())), [search.date, today]);
  const days = useMemo(() => daysOf(view, date), [view, date]);
  const since = microsOf(days[0] ?? date);
  const until = microsOf(addDays(days.at(-1) ?? date, 1));
  const chosen = search.deployment ?? "";
  const filter = useMemo(() => {
    const { flow_name, name } = partsOf(chosen);
    return { top_level: true, since, until, ...(chosen ? { flow_names: [flow_name], deployments: [name] } : {}) };
  }, [chosen, since, until]);
  const runs = useQuery(runListQuery(filter, RUNS_MAX));
  const ticks = useQuery({ ...allTicksQuery(since, until - 1, chosen || undefined), enabled: until > minute });
  const deployments = useQuery(deploymentsQuery());
  const entries = useMemo(() => entriesOf(runs.data ?? [], until > minute ? (ticks.data?.ticks ?? []) : []), [runs.data, ticks.data, until, minute]);
  const [asked, setAsked] = useState<UpcomingTick | null>(null);
  const go = (next: { view?: View; date?: Date | string }) => void navigate({
    search: (old) => ({ ...old, ...(next.view ? { view: next.view === "month" ? "" : next.view } : {}), ...(next.date !== undefined ? { date: typeof next.date === "string" ? next.date : dateText(next.date) } : {}) }),
    replace: true, resetScroll: false,
  });
  useCalendarKeys({ turn: (by) => go({ date: turned(view, date, by) }), show: (next) => go({ view: next }), today: () => go({ date: "" }) });
  const open = (entry: Entry) => {
    if (entry.run) void navigate({ to: "/runs/$id", params: { id: entry.run.id } });
    else if (entry.tick) setAsked(entry.tick);
  };
  const title = view === "month" ? MONTH.format(date) : view === "day" ? DATE.format(date) : `${SHORT.format(days[0] ?? date)} – ${SHORT.format(days[6] ?? date)}`;
  const error = runs.error ?? ticks.error;
  const cut = [runs.data?.length === RUNS_MAX ? `the newest ${count(RUNS_MAX)} runs` : "", ticks.data?.isCut ? `the next ${count(ticks.data.ticks.length)} times` : ""].filter(Boolean).join(" and ");
  const shared = { days, entries: useMemo(() => byDay(entries), [entries]), today, onOpen: open, onDay: (day: Date) => go({ view: "day", date: day }) };
  const nothing = runs.data?.length === 0 && entries.length === 0 && deployments.data?.items.every(({ schedules }) => schedules.length === 0);
  useEffect(() => setAsked(null), [search.date, search.view]);
  return (
    <>
      <PageHead
        title="Calendar" heading={<>Calendar <span className="ml-2 font-normal text-muted">{title}</span></>}
        aside={
          <>
            <Choose
              single label="Deployment" chosen={chosen ? [chosen] : []} shown={chosen || "All deployments"} choices={(deployments.data?.items ?? []).map((each) => ({ value: keyOf(each), label: keyOf(each) }))}
              onChange={([deployment]) => void navigate({ search: (old) => ({ ...old, deployment: deployment ?? "" }), replace: true })}
            />
            <span className="flex items-center gap-1"><IconButton label="Earlier (k)" onClick={() => go({ date: turned(view, date, -1) })}><ChevronLeft size={16} /></IconButton><Button title="t" onClick={() => go({ date: "" })}>Today</Button><IconButton label="Later (j)" onClick={() => go({ date: turned(view, date, 1) })}><ChevronRight size={16} /></IconButton></span>
            <Segments label="View" choices={[["month", "Month"], ["week", "Week"], ["day", "Day"]]} chosen={view} onChange={(next) => go({ view: viewOf(next) })} />
          </>
        }
      />
      {nothing && <Card className="mb-3"><Empty title="Nothing is scheduled yet" code={HOW} className="py-4">Schedules say when a deployment runs by itself; its coming and past runs appear here.</Empty></Card>}
      {cut && <p role="status" className="mb-2 text-warn">There is too much to show at once: only {cut}. Choose a deployment, or a shorter time.</p>}
      <Card flush>
        {error ? <Fault error={error} retry={() => { void runs.refetch(); void ticks.refetch(); }} />
          : !runs.data ? <div className="p-3.5"><Skeleton className="h-96" /></div>
          : view === "month" ? <MonthView {...shared} month={date.getMonth()} />
          : <HoursView {...shared} now={minute} />}
      </Card>
      {asked && <TickDialog tick={asked} onClose={() => setAsked(null)} />}
    </>
  );
}
