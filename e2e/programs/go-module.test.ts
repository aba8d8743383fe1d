import t from 'tap'
import { goModText } from './go-module.ts'

const PROGRAMS = { module: 'example.org/program', version: 'v1.36.3', packages: {} }

t.test(
  'go.mod of what is built has what the own one of the module leaves to whoever builds it',
  async (t) => {
    const its = `module example.org/program

go 1.26.1

godebug default=go1.26

require example.org/library v1.2.0

replace example.org/single => example.org/fork v1.0.1

replace (
\texample.org/library => example.org/library v1.2.1
\texample.org/old v0.1.0 => example.org/old v0.1.2
\texample.org/near => ../near
\texample.org/staged => ./staging/src/staged
)
`
    t.equal(
      goModText({ ...PROGRAMS, beside: { 'example.org/near': 'v1.36.3' } }, its),
      `module weft.dev/e2e/programs
go 1.26.1
godebug default=go1.26
require example.org/program v1.36.3
require example.org/near v1.36.3
replace example.org/single => example.org/fork v1.0.1
replace example.org/library => example.org/library v1.2.1
replace example.org/old v0.1.0 => example.org/old v0.1.2
`,
    )
    t.match(goModText({ ...PROGRAMS, changes: [] }, its), /^replace example\.org\/program => \.\/changed$/m)
    t.match(
      goModText({ ...PROGRAMS, staging: true }, its),
      /^replace example\.org\/staged => example\.org\/staged v0\.36\.3$/m,
    )
    t.equal(
      goModText(PROGRAMS, 'module example.org/program\n'),
      `module weft.dev/e2e/programs\ngo 1.26.0\nrequire example.org/program v1.36.3\n`,
    )
  },
)
