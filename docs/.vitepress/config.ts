import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'

// The site that `npm run docs` builds from README and docs/, with the paths that they have here. VitePress is fetched by npx
// at the version of that script: it is larger than all else that a clone installs, and only this needs it.

const PROJECT = join(import.meta.dirname, '../..')
/** Where files that are no pages can be read, such as https://github.com/OWNER/weft/blob/main. Without it they are no links. */
const SOURCE = process.env.WEFT_SOURCE?.replace(/\/$/, '')

const GROUPS: Readonly<Record<string, readonly string[]>> = {
  Begin: [
    'README.md',
    'docs/getting-started.md',
    'docs/concepts.md',
    'docs/local.md',
    'docs/install.md',
    'docs/network.md',
  ],
  Run: [
    'docs/operations.md',
    'docs/issuers.md',
    'docs/observability.md',
    'docs/telemetry-names.md',
    'docs/limits.md',
    'docs/scale.md',
    'docs/performance.md',
  ],
  Traffic: [
    'docs/traffic.md',
    'docs/canary.md',
    'docs/protocols.md',
    'docs/paths.md',
    'docs/differences.md',
    'docs/proxyless-grpc.md',
  ],
  Security: [
    'docs/security.md',
    'docs/security-tokens.md',
    'docs/identity.md',
    'docs/policy-suggest.md',
    'docs/threat-model.md',
    'SECURITY.md',
  ],
  Reference: [
    'docs/reference/cli.md',
    'docs/annotations.md',
    'docs/crds.md',
    'docs/bootstrap.md',
    'docs/admission.md',
  ],
  Project: [
    'CHANGELOG.md',
    'CONTRIBUTING.md',
    'docs/life-of-a-request.md',
    'docs/release.md',
    'CODE_OF_CONDUCT.md',
  ],
}

const pages = [
  ...readdirSync(PROJECT).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(PROJECT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md') && !name.startsWith('.'))
    .map((name) => join('docs', name)),
]
const listed = new Set(Object.values(GROUPS).flat())
const groups = { ...GROUPS, More: pages.filter((page) => !listed.has(page)) }

function entry(page: string): { text: string; link: string } {
  const title = /^# (.+)$/m.exec(readFileSync(join(PROJECT, page), 'utf8'))?.[1] ?? page
  return {
    text: title.replaceAll('`', ''),
    link: `/${page.replace(/^README\.md$/, '').replace(/\.md$/, '')}`,
  }
}

interface Token {
  readonly type: string
  readonly children: Token[] | null
  hidden: boolean
  attrGet(name: string): string | null
  attrSet(name: string, value: string): void
}

interface MarkdownIt {
  readonly core: {
    readonly ruler: {
      push(name: string, rule: (state: { tokens: Token[]; env: { path: string } }) => void): void
    }
  }
}

/** Links to files of the repository that are no pages lead to its sources, or nowhere. A file that is not there is an error. */
function linksToSources(md: MarkdownIt): void {
  md.core.ruler.push('links_to_sources', ({ tokens, env }) => {
    const folder = dirname(env.path)
    for (const { children } of tokens) {
      let dropped = false
      for (const token of children ?? []) {
        if (token.type === 'link_close' && dropped) {
          dropped = false
          hide(token)
        }
        if (token.type !== 'link_open') continue
        const [path = ''] = (token.attrGet('href') ?? '').split('#')
        if (path === '' || /^[a-z]+:/.test(path)) continue
        const target = relative(PROJECT, join(folder, decodeURIComponent(path)))
        if (pages.includes(target)) continue
        if (!existsSync(join(PROJECT, target))) throw new Error(`${env.path}: there is no ${path}`)
        if (SOURCE !== undefined) token.attrSet('href', `${SOURCE}/${target}`)
        else {
          dropped = true
          hide(token)
        }
      }
    }
  })
}

function hide(token: Token): void {
  Object.assign(token, { type: 'text', tag: '', content: '', nesting: 0 })
}

export default {
  title: 'Weft',
  description: 'A sidecar service mesh in TypeScript',
  srcDir: '..',
  srcExclude: readdirSync(PROJECT, { withFileTypes: true })
    .filter((one) => one.isDirectory() && one.name !== 'docs')
    .map(({ name }) => `${name}/**`),
  rewrites: { 'README.md': 'index.md' },
  outDir: '../dist/docs',
  cacheDir: '../.cache/vitepress',
  cleanUrls: false,
  markdown: { config: linksToSources },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    sidebar: Object.entries(groups)
      .filter(([, of]) => of.length > 0)
      .map(([text, of]) => ({ text, items: of.map(entry) })),
  },
}
