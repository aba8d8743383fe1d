const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 1024,
  Mi: 1024 ** 2,
  Gi: 1024 ** 3,
}

/** Bytes of a Kubernetes quantity such as 64Mi; undefined when it is none. */
export function bytesOf(quantity: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(k|M|G|Ki|Mi|Gi)?$/.exec(quantity)
  return match ? Math.ceil(Number(match[1]) * (UNITS[match[2] ?? ''] ?? 1)) : undefined
}
