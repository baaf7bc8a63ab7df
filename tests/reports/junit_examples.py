"""Test reports as each tool writes them, shortened."""

SUREFIRE = b"""<?xml version="1.0" encoding="UTF-8"?>
<testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" version="3.0.2"
    name="com.acme.CartTest" time="1,234.5" tests="5" errors="1" skipped="1" failures="1"
    timestamp="2026-11-24T03:43:00.125">
  <properties><property name="java.version" value="21"/></properties>
  <testcase name="adds" classname="com.acme.CartTest" time="0.012"/>
  <testcase name="removes" classname="com.acme.CartTest" time="0.5">
    <failure message="expected: &lt;1&gt; but was: &lt;2&gt;"
        type="org.opentest4j.AssertionFailedError"><![CDATA[org.opentest4j.AssertionFailedError
\tat com.acme.CartTest.removes(CartTest.java:17)]]></failure>
    <rerunFailure message="expected: &lt;1&gt; but was: &lt;3&gt;" type="again">
      <stackTrace>the second trace</stackTrace>
      <system-out>ignored</system-out>
    </rerunFailure>
  </testcase>
  <testcase name="ships" classname="com.acme.CartTest" time="0.031">
    <flakyFailure message="timed out" type="java.util.concurrent.TimeoutException">
      <stackTrace>the first trace</stackTrace>
    </flakyFailure>
    <flakyError message="refused" type="java.net.ConnectException"/>
  </testcase>
  <testcase name="bills" classname="com.acme.CartTest" time="0">
    <error message="no bank" type="java.lang.IllegalStateException">trace</error>
  </testcase>
  <testcase name="prints" classname="com.acme.CartTest" time="0">
    <skipped message="no printer"/>
  </testcase>
</testsuite>
"""

# gotestsum --rerun-fails: an entry for each time, failures first.
GOTESTSUM = b"""<?xml version="1.0" encoding="UTF-8"?>
<testsuites tests="4" failures="2" errors="0" time="1.234">
  <testsuite tests="4" failures="2" time="1.234000" name="acme.com/shop/cart"
      timestamp="2026-11-24T03:43:00Z">
    <properties><property name="go.version" value="go1.26 linux/amd64"></property></properties>
    <testcase classname="acme.com/shop/cart" name="TestAdd" time="0.100000">
      <failure message="Failed" type="">=== RUN   TestAdd&#xA;    cart_test.go:9: two</failure>
    </testcase>
    <testcase classname="acme.com/shop/cart" name="TestBill" time="0.100000">
      <failure message="Failed" type="">once</failure>
    </testcase>
    <testcase classname="acme.com/shop/cart" name="TestBill" time="0.200000">
      <failure message="Failed" type="">twice</failure>
    </testcase>
    <testcase classname="acme.com/shop/cart" name="TestAdd" time="0.300000"></testcase>
  </testsuite>
  <testsuite tests="0" failures="0" time="0.000000" name="acme.com/shop/none"></testsuite>
</testsuites>
"""

JEST = b"""<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="jest tests" tests="2" failures="1" errors="0" time="3.1">
  <testsuite name="cart" errors="0" failures="1" skipped="1" timestamp="2026-11-24T03:43:00"
      time="2.2" tests="2">
    <testcase classname="cart adds" name="cart adds" time="0.004" file="src/cart.test.js">
      <failure>Error: expect(received).toBe(expected)
    at Object.toBe (src/cart.test.js:5:13)</failure>
    </testcase>
    <testcase classname="cart removes" name="cart removes" time="0"><skipped/></testcase>
  </testsuite>
</testsuites>
"""

GRADLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<testsuite name="com.acme.BillTest" tests="1" skipped="0" failures="0" errors="0"
    timestamp="2026-11-24T03:43:00.000Z" hostname="runner" time="0.02">
  <properties/>
  <testcase name="bills()" classname="com.acme.BillTest" time="0.02"/>
  <system-out><![CDATA[a line
]]></system-out>
  <system-err><![CDATA[]]></system-err>
</testsuite>
"""

PHPUNIT = b"""<?xml version="1.0"?>
<testsuites><testsuite name="unit"><testsuite name="CartTest" file="/app/CartTest.php">
  <testcase name="testAdd" class="CartTest" classname="CartTest" file="/app/CartTest.php"
      line="9" assertions="1" time="0.001"/>
</testsuite></testsuite></testsuites>
"""

GOOGLETEST = b"""<testsuites tests="1" disabled="1"><testsuite name="Cart">
  <testcase name="DISABLED_Add" status="notrun" result="suppressed" time="0." classname="Cart"/>
</testsuite></testsuites>
"""

TRX = b"""\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?>
<TestRun id="1" xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010">
  <Times start="2026-11-24T03:43:00.0000000+01:00"/>
  <Results>
    <UnitTestResult testId="a" testName="Shop.CartTests.Adds" duration="00:00:01.5000000"
        startTime="2026-11-24T03:43:00.1234567+01:00" outcome="Passed"/>
    <UnitTestResult testId="b" testName="Removes" duration="00:01:00.0000000" outcome="Failed">
      <Output><StdOut>ignored</StdOut><ErrorInfo><Message>Expected 1</Message>
        <StackTrace>at Shop.CartTests.Removes()</StackTrace></ErrorInfo></Output>
    </UnitTestResult>
    <UnitTestResult testId="c" testName="Rows" outcome="Failed"><InnerResults>
      <UnitTestResult testId="c" testName="Rows (1)" outcome="Timeout"/>
      <UnitTestResult testId="c" testName="Rows (2)" outcome="NotExecuted"/>
    </InnerResults></UnitTestResult>
  </Results>
  <TestDefinitions>
    <UnitTest name="Adds" id="a"><TestMethod className="Shop.CartTests" name="Adds"/></UnitTest>
    <UnitTest name="Removes" id="b">
      <TestMethod className="Shop.CartTests, Shop.Tests" name="Removes"/></UnitTest>
    <UnitTest name="Rows" id="c"><TestMethod className="Shop.RowTests" name="Rows"/></UnitTest>
  </TestDefinitions>
</TestRun>
"""

ALL = (SUREFIRE, GOTESTSUM, JEST, GRADLE, PHPUNIT, GOOGLETEST, TRX)
