# SPDX-License-Identifier: MIT
#
# AW_PART(NAME, VARIABLE, MODULES, PACKAGES, WHAT)
#
# One optional part: --with-NAME=auto|yes|no, found through pkg-config. Sets
# VARIABLE_CFLAGS and VARIABLE_LIBS, have_NAME to yes or no, and why_NAME to
# the text that the summary prints. "yes" without the library is an error that
# names the Debian PACKAGES; "auto" leaves the part out and says so at the end.
# Foreign headers become system headers: our warnings are not for them.
AC_DEFUN([AW_PART], [
AC_ARG_WITH([$1],
  [AS_HELP_STRING([--with-$1], [$5 @<:@auto@:>@])],
  [], [with_$1=auto])
have_$1=no
AS_CASE([$with_$1],
  [no], [why_$1="no (not wanted)"],
  [auto|yes],
    [PKG_CHECK_MODULES([$2], [$3],
      [have_$1=yes; why_$1=yes
       $2_CFLAGS=`AS_ECHO(["$$2_CFLAGS"]) | $SED 's/-I */-isystem /g'`],
      [why_$1="no (not found: apt-get install $4)"
       AS_IF([test "$with_$1" = yes],
         [AC_MSG_ERROR([--with-$1 needs $3 (Debian: apt-get install $4)])])])],
  [AC_MSG_ERROR([bad value for --with-$1: $with_$1 (auto, yes or no)])])
])

# AW_MODULE(VARIABLE, MODULES, PACKAGES, WHAT)
#
# A module that only tests or tools need: sets have_VARIABLE and why_VARIABLE,
# never stops.
AC_DEFUN([AW_MODULE], [
PKG_CHECK_MODULES([$1], [$2], [have_$1=yes; why_$1=yes],
  [have_$1=no; why_$1="no (needs $4: apt-get install $3)"])
])
