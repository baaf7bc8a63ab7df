"""Coverage reports of every format, by hand: cart.* of package shop, and one file beside it."""

COBERTURA = b"""<?xml version="1.0" ?>
<!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage line-rate="0.75" branch-rate="0.5" timestamp="1763955780" version="2.1">
  <sources><source>/app</source></sources>
  <packages>
    <package name="shop" line-rate="0.6667"><classes>
      <class name="Cart" filename="shop/cart.py">
        <methods><method name="add"><lines><line number="1" hits="3"/></lines></method></methods>
        <lines>
          <line number="1" hits="3"/>
          <line number="2" hits="1" branch="true" condition-coverage="50% (1/2)"/>
          <line number="3" hits="0"/>
        </lines>
      </class></classes></package>
    <package name="shop.bill" line-rate="1"><classes><class name="Bill" filename="shop/bill.py">
      <lines><line number="7" hits="1"/></lines></class></classes></package>
  </packages>
</coverage>
"""

JACOCO = b"""<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd">
<report name="shop"><sessioninfo id="x" start="1" dump="2"/>
  <group name="core">
    <package name="com/acme/shop">
      <class name="com/acme/shop/Cart" sourcefilename="Cart.java">
        <method name="add" line="5"><counter type="LINE" missed="1" covered="2"/></method>
        <counter type="LINE" missed="1" covered="2"/></class>
      <sourcefile name="Cart.java"><line nr="5" mi="0" ci="3" mb="1" cb="1"/>
        <counter type="LINE" missed="1" covered="2"/></sourcefile>
      <counter type="INSTRUCTION" missed="3" covered="9"/>
      <counter type="BRANCH" missed="1" covered="1"/>
      <counter type="LINE" missed="1" covered="2"/>
    </package>
    <counter type="LINE" missed="1" covered="2"/>
  </group>
  <group name="web"><package name="com/acme/web">
    <counter type="LINE" missed="0" covered="1"/></package></group>
  <counter type="BRANCH" missed="1" covered="1"/>
  <counter type="LINE" missed="1" covered="3"/>
</report>
"""

LCOV = b"""TN:unit
SF:src/shop/cart.js
FN:1,add
DA:1,3
DA:2,1
DA:3,0
BRDA:2,0,0,1
BRDA:2,0,1,-
LF:3
LH:2
end_of_record
TN:more
SF:src/shop/cart.js
DA:3,0
end_of_record
SF:src/bill.js
LF:1
LH:1
end_of_record
"""

GO = b"""mode: atomic
acme.com/shop/cart/cart.go:5.30,7.2 2 3
acme.com/shop/cart/cart.go:9.30,11.2 1 0
acme.com/shop/cart/cart.go:9.30,11.2 1 0
mode: atomic
acme.com/shop/cart/cart.go:5.30,7.2 2 0
acme.com/shop/main.go:3.1,4.2 1 1
"""

CLOVER = b"""<?xml version="1.0" encoding="UTF-8"?>
<coverage generated="1763955780" clover="3.2.0">
  <project timestamp="1763955780" name="All files">
    <metrics statements="4" coveredstatements="3" conditionals="2" coveredconditionals="1"/>
    <package name="shop">
      <metrics statements="3" coveredstatements="2" conditionals="2" coveredconditionals="1"/>
      <file name="cart.js" path="/app/shop/cart.js">
        <metrics statements="3" coveredstatements="2" conditionals="2" coveredconditionals="1"/>
        <line num="1" count="3" type="stmt"/></file>
    </package>
    <file name="/app/bill.php"><class name="Bill"><metrics statements="9"/></class>
      <metrics statements="1" coveredstatements="1" conditionals="0" coveredconditionals="0"/>
    </file>
  </project>
  <testproject><metrics statements="9" coveredstatements="9"/></testproject>
</coverage>
"""

COVERAGE_PY = b"""{"meta": {"format": 3, "version": "7.6", "branch_coverage": true},
 "files": {
  "shop/cart.py": {"summary": {"covered_lines": 2, "num_statements": 3, "missing_lines": 1,
     "num_branches": 2, "covered_branches": 1}},
  "bill.py": {"summary": {"covered_lines": 1, "num_statements": 1, "num_branches": 0,
     "covered_branches": 0}}},
 "totals": {"covered_lines": 3, "num_statements": 4, "num_branches": 2, "covered_branches": 1}}
"""

OPENCOVER = b"""<?xml version="1.0" encoding="utf-8"?>
<CoverageSession><Summary numSequencePoints="4" visitedSequencePoints="3"/><Modules>
  <Module hash="1"><ModuleName>Shop</ModuleName>
    <Files><File uid="1" fullPath="/home/runner/work/shop/shop/src/Cart.cs"/></Files>
    <Classes><Class><Methods><Method><SequencePoints>
      <SequencePoint vc="3" sl="5"/><SequencePoint vc="1" sl="6"/><SequencePoint vc="0" sl="7"/>
    </SequencePoints><BranchPoints><BranchPoint vc="1" sl="6"/><BranchPoint vc="0" sl="6"/>
    </BranchPoints><MethodPoint vc="1"/></Method></Methods></Class></Classes></Module>
  <Module hash="2"><ModuleName>Shop.Bill</ModuleName><Classes><Class><Methods><Method>
    <SequencePoints><SequencePoint vc="1" sl="1"/></SequencePoints></Method></Methods></Class>
  </Classes></Module>
</Modules></CoverageSession>
"""

SONAR = b"""<coverage version="1">
  <file path="src/shop/cart.js">
    <lineToCover lineNumber="1" covered="true"/>
    <lineToCover lineNumber="2" covered="true" branchesToCover="2" coveredBranches="1"/>
    <lineToCover lineNumber="3" covered="false"/>
  </file>
  <file path="src/bill.js"><lineToCover lineNumber="1" covered="true"/></file>
</coverage>
"""

# `coverage-summary.json` of Istanbul's reporter `json-summary`.
ISTANBUL = b"""{"total": {"lines": {"total": 4, "covered": 3, "skipped": 0, "pct": 75},
  "statements": {"total": 5, "covered": 4, "skipped": 0, "pct": 80},
  "branches": {"total": 2, "covered": 1, "skipped": 0, "pct": 50}},
 "/home/runner/work/shop/shop/src/shop/cart.js": {
  "lines": {"total": 3, "covered": 2, "skipped": 0, "pct": 66.66},
  "branches": {"total": 2, "covered": 1, "skipped": 0, "pct": 50}},
 "/home/runner/work/shop/shop/src/bill.js": {
  "lines": {"total": 1, "covered": 1, "skipped": 0, "pct": 100},
  "branches": {"total": 0, "covered": 0, "skipped": 0, "pct": 100}}}
"""

LLVM_COV = b"""{"data": [{"files": [
  {"filename": "/home/runner/work/shop/shop/src/shop/cart.rs", "segments": [], "summary": {
   "branches": {"count": 2, "covered": 1, "notcovered": 1, "percent": 50},
   "lines": {"count": 3, "covered": 2, "percent": 66.6}}},
  {"filename": "/home/runner/work/shop/shop/src/bill.rs", "summary": {
   "branches": {"count": 0, "covered": 0}, "lines": {"count": 1, "covered": 1, "percent": 100}}}],
  "totals": {"branches": {"count": 2, "covered": 1}, "lines": {"count": 4, "covered": 3}}}],
 "type": "llvm.coverage.json.export", "version": "2.0.1"}
"""

# `.resultset.json`: two commands ran the same lines.
SIMPLECOV = b"""{"RSpec": {"coverage": {
  "/home/runner/work/shop/shop/lib/shop/cart.rb": {"lines": [3, null, 1, 0, "ignored"],
   "branches": {"[:if, 0, 3, 2, 5, 5]": {"[:then, 1, 4, 4, 4, 9]": 1,
    "[:else, 2, 3, 2, 5, 5]": 0}}}}, "timestamp": 1763955780},
 "Minitest": {"coverage": {
  "/home/runner/work/shop/shop/lib/shop/cart.rb": {"lines": [0, null, 2, 0, null]},
  "/home/runner/work/shop/shop/lib/bill.rb": [null, 1]}, "timestamp": 1763955790}}
"""

BY_FORMAT = {
    "cobertura": COBERTURA,
    "jacoco": JACOCO,
    "lcov": LCOV,
    "go": GO,
    "clover": CLOVER,
    "coverage.py": COVERAGE_PY,
    "opencover": OPENCOVER,
    "sonar": SONAR,
    "istanbul": ISTANBUL,
    "llvm-cov": LLVM_COV,
    "simplecov": SIMPLECOV,
}
