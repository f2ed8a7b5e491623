// Finds Node's functions in the program that runs, whatever it is called: electron.exe has them
// too. Called by the delay-load helper, on whichever thread is the first to call one.
#include <windows.h>

#include <delayimp.h>

namespace {

FARPROC WINAPI find_host(unsigned event, PDelayLoadInfo info) {
  if (event != dliNotePreLoadLibrary || _stricmp(info->szDll, "node.exe") != 0) return nullptr;
  return reinterpret_cast<FARPROC>(GetModuleHandleW(nullptr));
}

}  // namespace

PfnDliHook __pfnDliNotifyHook2 = find_host;
