import json, time
from pathlib import Path
import httpx
from tests.api.person import Person
from tests.api.conftest import NewPerson

def test_golden(new_person: NewPerson, golden: Path) -> None:
    slow = []
    bad = []
    ann = new_person(); count = 0
    total = skipped = 0
    for number, path in enumerate(sorted((golden / "openapi-specs-sample").glob("*"))):
        if path.name.startswith(("SOURCE", "LICENSE")) : continue
        if count > 3500:
            ann = new_person(); count = 0
        body = {"name": f"i{number}", "prefix": f"i{number}", "document": path.read_text(), "base_url": "https://api.example.com"}
        t = time.perf_counter(); one = ann.http.post("/v1/tools/import/openapi/preview", json=body, timeout=120); t1 = time.perf_counter() - t
        if one.status_code != 200:
            bad.append((path.name, "preview", one.status_code, one.text[:200])); continue
        t = time.perf_counter(); two = ann.http.post("/v1/tools/import/openapi", json=body, timeout=120); t2 = time.perf_counter() - t
        if two.status_code != 200:
            bad.append((path.name, "apply", two.status_code, two.text[:200])); continue
        done = two.json(); count += len(done["added"])
        total += len(done["added"]); skipped += len(done["skipped"])
        t = time.perf_counter(); three = ann.http.post("/v1/tools/import/openapi", json=body, timeout=120).json(); t3 = time.perf_counter() - t
        if three["changed"] or three["added"] or three["removed"] or len(three["unchanged"]) != len(done["added"]):
            bad.append((path.name, "again", three["changed"][:3], three["added"][:3], three["removed"][:3]))
        slow.append((round(t2, 2), round(t1, 2), round(t3, 2), len(done["added"]), path.stat().st_size, path.name))
    slow.sort(reverse=True)
    Path("/tmp/w/g4/golden.txt").write_text("\n".join(map(str, [total, skipped, *bad, "----", *slow[:15]])))

def test_big(new_person: NewPerson) -> None:
    ann = new_person()
    paths = {f"/p{n}/{{id}}": {"get": {"operationId": f"get_{n}", "summary": "Does it", "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}], "responses": {}}} for n in range(1000)}
    doc = {"openapi": "3.1.0", "info": {"title": "a", "version": "1"}, "servers": [{"url": "https://a.example.com"}], "paths": paths}
    body = {"name": "big", "document": doc}
    out = []
    for what in ("/preview", "", ""):
        t = time.perf_counter(); a = ann.http.post("/v1/tools/import/openapi" + what, json=body, timeout=120); out.append((what, round(time.perf_counter() - t, 2), a.status_code))
    t = time.perf_counter(); a = ann.http.delete("/v1/tools/import/openapi/big", timeout=120); out.append(("delete", round(time.perf_counter() - t, 2), a.status_code))
    Path("/tmp/w/g4/big.txt").write_text(str(out))
