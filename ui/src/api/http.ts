// The one place that speaks HTTP. Everything else asks through the functions of src/api/queries.

const WIRE_VERSION = "1";

/** What the server refused, in its own words. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly kind: string,
    message: string,
    readonly facts: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}

type Scalar = string | number | boolean | null | undefined;
export type Query = Readonly<Record<string, Scalar | readonly string[]>>;

export interface Ask {
  query?: Query;
  body?: unknown;
  signal?: AbortSignal;
}

/** Ask a route under /api; raises `ApiError`. */
export async function ask<T>(method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE", path: string, options: Ask = {}): Promise<T> {
  const { query, body, signal } = options;
  let response: Response;
  try {
    response = await fetch(address(path, query), {
      method,
      headers: { "Penstock-Api-Version": WIRE_VERSION, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "Unreachable", "The server does not answer. It may be restarting; the console tries again by itself.");
  }
  if (!response.ok) throw await refusal(response);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

/** The address of a route, for links and streams. */
export function address(path: string, query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value == null) continue;
    for (const item of Array.isArray(value) ? value : [value]) params.append(name, String(item));
  }
  const text = params.toString();
  return `/api${path}${text ? `?${text}` : ""}`;
}

interface ErrorBody {
  error?: { type?: string; message?: string; facts?: Record<string, unknown> };
}

async function refusal(response: Response): Promise<ApiError> {
  const said = (await response.json().catch(() => ({}))) as ErrorBody;
  const { type = "PenstockError", message = `The server answered ${response.status}.`, facts = {} } = said.error ?? {};
  return new ApiError(response.status, type, message, facts);
}
