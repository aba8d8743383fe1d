/** What is configured, as text: equal where the new says what the old did. */
export function said(config: unknown): string {
  return JSON.stringify(config, (_key, value: unknown) => (value instanceof RegExp ? String(value) : value))
}
