/** An address that a click may lead to; none for scripts and other tricks. */
export function safeLink(address: string): string | null {
  try {
    const parsed = new URL(address, window.location.origin);
    return ["http:", "https:", "mailto:"].includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}
