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

BY_FORMAT = {
    "cobertura": COBERTURA,
    "jacoco": JACOCO,
    "lcov": LCOV,
    "go": GO,
    "clover": CLOVER,
    "coverage.py": COVERAGE_PY,
}
