import { resolve } from 'node:path'
import { parseFlags } from '../core/flags.ts'
import { WeftError } from '../core/errors.ts'
import { ARCHITECTURES, type Architecture } from './image/architecture.ts'

export const PARTS: readonly string[] = ['control-plane', 'injector', 'proxy', 'init', 'cni']

export const HELP = `usage: npm run release -- --dry-run [FLAGS]
       npm run release -- --registry REGISTRY/PATH [FLAGS]

Makes all that a release of this commit is: the command as an archive, the npm package, images as OCI layouts (no container
engine is asked, and both processors are made on either), the chart, a bill of materials, release notes from CHANGELOG.md
and checksums. The same commit and the same packages of Debian give the same bytes, but for the npm package. Without
--dry-run, images and chart are then pushed by skopeo, oras or crane. docs/release.md says more.

  --dry-run               make everything, push nothing, and say what would be pushed
  --registry REGISTRY     where images and chart go, such as registry.example/weft; the tool's own login counts
  --plain-http            the registry speaks HTTP without TLS
  --out DIR               where to; it is emptied of a release that was there (dist/release)
  --architectures NAMES   amd64,arm64 or one of them (both)
  --source URL            where the sources are, for the images' label org.opencontainers.image.source
  --json                  print the result as one object
  --help

Times are those of SOURCE_DATE_EPOCH, or of the commit. It needs Debian (apt-get), npm, git and tar.
Exit codes: 0 done, 1 failed, 2 wrong flags, 3 something cannot be had on this machine (it says what).
`

export interface Options {
  readonly help: boolean
  readonly json: boolean
  readonly dryRun: boolean
  readonly registry: string | undefined
  readonly plainHttp: boolean
  readonly out: string
  readonly architectures: readonly Architecture[]
  readonly source: string
}

/** Throws WeftError `cli.flags`. */
export function parseOptions(argv: readonly string[]): Options {
  const { values } = parseFlags({
    args: [...argv],
    options: {
      'dry-run': { type: 'boolean', default: false },
      registry: { type: 'string' },
      'plain-http': { type: 'boolean', default: false },
      out: { type: 'string', default: 'dist/release' },
      architectures: { type: 'string', default: ARCHITECTURES.map(({ name }) => name).join(',') },
      source: { type: 'string', default: '' },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  const { registry, source } = values
  if (!values.help && !values['dry-run'] && registry === undefined)
    throw new WeftError('cli.flags', 'say where to push, or --dry-run to push nothing', {
      field: '--registry',
    })
  if (registry !== undefined && !/^[a-z\d][a-z\d.-]*(:\d+)?(\/[a-z\d._-]+)*$/.test(registry))
    throw new WeftError(
      'cli.flags',
      `"${registry}" must be HOST[:PORT][/PATH] in lower case, without https://`,
      {
        field: '--registry',
      },
    )
  if (source !== '' && !URL.canParse(source))
    throw new WeftError('cli.flags', `"${source}" must be a URL`, { field: '--source' })
  return {
    help: values.help,
    json: values.json,
    dryRun: values['dry-run'],
    registry,
    plainHttp: values['plain-http'],
    out: resolve(values.out),
    architectures: values.architectures.split(',').map(architectureOf),
    source,
  }
}

function architectureOf(name: string): Architecture {
  const found = ARCHITECTURES.find((one) => one.name === name)
  if (found) return found
  const known = ARCHITECTURES.map((one) => one.name).join(', ')
  throw new WeftError('cli.flags', `"${name}" is none of ${known}`, { field: '--architectures' })
}
