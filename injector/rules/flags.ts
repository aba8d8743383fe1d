import { NOT_CAPTURED_EXIT } from '../../core/contract.ts'
import type { CommandDescription } from '../../core/command-line/description.ts'
import { parseCommand } from '../../core/command-line/parse.ts'
import { describeError, WeftError } from '../../core/errors.ts'
import { parseCidr } from './cidr.ts'
import { defaultCapture } from './capture.ts'
import type { CaptureSettings } from './capture.ts'

/** Numbers of TCP ports, in a comma list; the empty text is none. Throws a WeftError `ports.invalid`. */
export function parsePorts(text: string): number[] {
  return splitList(text).map((item) => {
    const port = /^[1-9][0-9]{0,4}$/.test(item) ? Number(item) : 0
    if (port < 1 || port > 65535) {
      throw new WeftError(
        'ports.invalid',
        `"${item.slice(0, 40)}" is no port: write numbers 1-65535 with commas`,
      )
    }
    return port
  })
}

/** Like parsePorts, and `*` for every port. */
export function parsePortsOrAll(text: string): number[] | '*' {
  return text.trim() === '*' ? '*' : parsePorts(text)
}

/** CIDRs of either family in a comma list, canonical. */
export function parseCidrs(text: string): string[] {
  return splitList(text).map((item) => parseCidr(item).text)
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

interface CaptureFlag {
  readonly name: string
  /** What its value is called. */
  readonly value: string
  readonly doc: string
  write(settings: CaptureSettings): string
  read(text: string): Partial<CaptureSettings>
}

const list = (value: readonly (number | string)[] | '*') => (value === '*' ? '*' : value.join(','))

/** One entry a setting: how `weft init` reads it and how the injector writes it. */
const captureFlags: readonly CaptureFlag[] = [
  number('outbound-port', 'outboundPort', 'port of the sidecar that outbound connections go to'),
  number('inbound-port', 'inboundPort', 'port of the sidecar that inbound connections go to'),
  number('proxy-uid', 'proxyUid', 'user of the sidecar, whose own connections are not captured'),
  number('proxy-gid', 'proxyGid', 'group of the sidecar, likewise'),
  {
    name: 'include-inbound-ports',
    value: 'PORTS',
    doc: 'ports captured on the way in, or * for all',
    write: (settings) => list(settings.includeInboundPorts),
    read: (text) => ({ includeInboundPorts: parsePortsOrAll(text) }),
  },
  {
    name: 'exclude-inbound-ports',
    value: 'PORTS',
    doc: 'ports left alone on the way in',
    write: (settings) => list(settings.excludeInboundPorts),
    read: (text) => ({ excludeInboundPorts: parsePorts(text) }),
  },
  {
    name: 'include-outbound-ports',
    value: 'PORTS',
    doc: 'ports captured on the way out, or * for all',
    write: (settings) => list(settings.includeOutboundPorts),
    read: (text) => ({ includeOutboundPorts: parsePortsOrAll(text) }),
  },
  {
    name: 'exclude-outbound-ports',
    value: 'PORTS',
    doc: 'ports left alone on the way out (53 always is)',
    write: (settings) => list(settings.excludeOutboundPorts),
    read: (text) => ({ excludeOutboundPorts: parsePorts(text) }),
  },
  {
    name: 'exclude-outbound-cidrs',
    value: 'CIDRS',
    doc: 'addresses left alone on the way out, e.g. 10.0.0.0/8,fd00::/8',
    write: (settings) => list(settings.excludeOutboundCidrs),
    read: (text) => ({ excludeOutboundCidrs: parseCidrs(text) }),
  },
]

function number(
  name: string,
  key: 'outboundPort' | 'inboundPort' | 'proxyUid' | 'proxyGid',
  doc: string,
): CaptureFlag {
  return {
    name,
    value: 'N',
    doc,
    write: (settings) => String(settings[key]),
    read(text) {
      const value = /^(0|[1-9][0-9]{0,9})$/.test(text) ? Number(text) : -1
      const max = name.endsWith('-port') ? 65535 : 0xffff_fffe
      if (value < 1 || value > max)
        throw new WeftError('init.flag', `"${text}" is no number from 1 to ${max}`)
      return { [key]: value }
    },
  }
}

/** Arguments of `weft init` for these settings; what is the default is left out. */
export function captureArgs(settings: CaptureSettings): string[] {
  return captureFlags.flatMap((flag) => {
    const value = flag.write(settings)
    return value === flag.write(defaultCapture) ? [] : [`--${flag.name}`, value]
  })
}

export interface InitOptions {
  readonly capture: CaptureSettings
  /** `auto` skips IPv6 where the kernel or the pod has none; `on` fails then; `off` leaves it alone. */
  readonly ipv6: 'auto' | 'on' | 'off'
  readonly mode: 'apply' | 'print' | 'remove' | 'validate' | 'help'
}

/** Each setting as a flag of `weft init`. */
const CAPTURE_FLAGS: Readonly<
  Record<string, { readonly value: string; readonly help: string; readonly otherwise: string }>
> = Object.fromEntries(
  captureFlags.map((flag) => [
    flag.name,
    { value: flag.value, help: flag.doc, otherwise: flag.write(defaultCapture) || 'none' },
  ]),
)

/** `weft init`. */
export const INIT_COMMAND = {
  name: 'init',
  summary: "set a pod's capture rules",
  usage: ['[flags]'],
  about:
    'Sends the TCP connections of this network namespace through the Weft sidecar, by rules in the nat table, and exits. ' +
    'Needs the capability NET_ADMIN and the programs iptables-restore and iptables-save (ip6tables-* too). Running it again ' +
    'replaces its rules; nothing is ever half-applied.',
  flags: {
    ...CAPTURE_FLAGS,
    ipv6: {
      value: 'MODE',
      choices: ['auto', 'on', 'off'],
      default: 'auto',
      help: 'auto, on or off; auto skips IPv6 where the pod has no IPv6 address and no nat for it',
    },
    print: { help: 'print the rules and change nothing' },
    remove: { help: 'take the rules away again' },
    validate: {
      help: 'change nothing, and see whether connections are captured; needs no capability, and no sidecar that runs already',
    },
  },
  exit: `0 done, 1 the rules could not be set (they are as before), 2 wrong flags, ${NOT_CAPTURED_EXIT} with --validate: connections are not captured`,
} as const satisfies CommandDescription

/** Reads the flags of `weft init`. Throws a WeftError `cli.flags`, or `init.flag` whose field is the flag. */
export function parseInitFlags(argv: readonly string[]): InitOptions {
  const parsed = parseCommand(INIT_COMMAND, argv)
  if (parsed === 'help') return { capture: defaultCapture, ipv6: 'auto', mode: 'help' }
  const { values } = parsed
  const texts: Readonly<Record<string, string | boolean | undefined>> = values
  let capture = defaultCapture
  for (const flag of captureFlags) {
    const text = texts[flag.name]
    if (typeof text === 'string') capture = { ...capture, ...at(`--${flag.name}`, () => flag.read(text)) }
  }
  const mode = values.print ? 'print' : values.remove ? 'remove' : values.validate ? 'validate' : 'apply'
  return { capture, ipv6: values.ipv6, mode }
}

function at<T>(field: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new WeftError('init.flag', describeError(error), { field })
  }
}
