import t from 'tap'
import { sectionOf } from './changelog.ts'

const TEXT = `# Changelog

Words.

## [Unreleased]

New.

### Added

- **One** thing
  on two lines.
- Another.

### Fixed

- A third.

## [0.1.0] - 2026-01-02

### Removed

- Nothing.
`

t.test('a version that is there, and what is unreleased for one that is not', (t) => {
  t.match(sectionOf(TEXT, '0.1.0'), { name: '0.1.0', changes: [{ kind: 'Removed', text: 'Nothing.' }] })
  const { name, text, changes } = sectionOf(TEXT, '0.2.0')
  t.equal(name, 'Unreleased')
  t.match(text, /^New\.\n[\s\S]*- A third\.$/)
  t.same(changes, [
    { kind: 'Added', text: '**One** thing on two lines.' },
    { kind: 'Added', text: 'Another.' },
    { kind: 'Fixed', text: 'A third.' },
  ])
  t.throws(() => sectionOf('# Changelog', '0.1.0'), { code: 'release.changelog', field: 'CHANGELOG.md' })
  t.end()
})
