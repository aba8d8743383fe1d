import { WeftError } from '../core/errors.ts'

const SUFFIXES: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
}

/** Thousandths of a core of a Kubernetes quantity such as `100m` or `1.5`; throws a WeftError. */
export function cpuMillis(text: string): number {
  const value = Math.ceil(parse(text, 'a CPU quantity such as 100m or 2') * 1000)
  if (value < 1 || value > 1_000_000) throw invalid('must be from 1m to 1000 cores')
  return value
}

/** Bytes of a Kubernetes quantity such as `128Mi`; below 32Mi no sidecar starts. Throws a WeftError. */
export function memoryBytes(text: string): number {
  const value = parse(text, 'a memory quantity such as 128Mi')
  if (value < 32 * 2 ** 20 || value > 2 ** 40) throw invalid('must be from 32Mi to 1Ti')
  return value
}

function parse(text: string, wanted: string): number {
  const [, digits = '', suffix = ''] =
    /^([0-9]{1,15}(?:\.[0-9]{1,9})?)(m|k|M|G|T|Ki|Mi|Gi|Ti)?$/.exec(text) ?? []
  const factor = SUFFIXES[suffix]
  if (digits === '' || factor === undefined) throw invalid(`must be ${wanted}`)
  return Number(digits) * factor
}

function invalid(message: string): WeftError {
  return new WeftError('quantity.invalid', message)
}
