import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { databaseQuery, versionQuery } from "@/api/queries/server";
import { Card } from "@/design/Card";
import { Copy } from "@/design/Copy";
import { PageHead } from "@/design/PageHead";
import { Fault, Skeleton } from "@/design/Placeholder";
import { Services } from "@/pages/settings/Services";
import { Retention } from "@/pages/settings/Retention";
import { byteSize, count } from "@/time/format";
import { Span, Time } from "@/time/Time";

/** What server this is, what it holds, and what may go. */
export function SettingsPage() {
  const version = useQuery(versionQuery);
  const database = useQuery(databaseQuery);
  return (
    <>
      <PageHead title="Settings" />
      <div className="grid max-w-5xl grid-cols-2 items-start gap-3 max-lg:grid-cols-1">
        <Card title="Server">
          {version.data ? (
            <Facts>
              <Fact name="Penstock">{version.data.penstock}</Fact>
              <Fact name="API version">{version.data.api}</Fact>
              <Fact name="Python">{version.data.python}</Fact>
              <Fact name="Started"><Time at={version.data.started_at} as="day" /></Fact>
              <Fact name="Up for"><Span from={version.data.started_at} to={null} /></Fact>
              <Fact name="API"><a href="/docs" className="text-accent-strong underline underline-offset-2">Documentation</a>, <a href="/api/openapi.json" className="text-accent-strong underline underline-offset-2">OpenAPI</a>, <a href="/metrics" className="text-accent-strong underline underline-offset-2">metrics</a></Fact>
            </Facts>
          ) : version.isError ? <Fault error={version.error} /> : <Skeleton className="h-28" />}
        </Card>
        <Card title="Database">
          {database.data ? (
            <Facts>
              <Fact name="Kind">{database.data.dialect}</Fact>
              <Fact name="Where"><Copy text={database.data.location} what="location" /></Fact>
              <Fact name="Size">{byteSize(database.data.bytes)}</Fact>
              <Fact name="Schema">{database.data.schema_version}</Fact>
              {Object.entries(database.data.counts).map(([name, value]) => <Fact key={name} name={name.replaceAll("_", " ")}>{count(value)}</Fact>)}
            </Facts>
          ) : database.isError ? <Fault error={database.error} /> : <Skeleton className="h-40" />}
        </Card>
        <Services />
        <Retention />
      </div>
    </>
  );
}

const Facts = ({ children }: { children: ReactNode }) => <dl className="grid grid-cols-[9rem_minmax(0,1fr)] gap-x-3 gap-y-1.5">{children}</dl>;

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return <><dt className="text-muted first-letter:uppercase">{name}</dt><dd className="min-w-0 truncate">{children}</dd></>;
}
